"""Words by which people call the columns of a log, in English and German."""

from __future__ import annotations

import re
import unicodedata

from newsletter_bandit.first_use.named_roles import Role

_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})

# Role -> words of a name, all of which must be in it, with how sure they are, from 1 to 10.
_WORDS: dict[Role, dict[str, int]] = {
    "user": {
        "user id": 10, "userid": 10, "customer id": 10, "customerid": 10, "subscriber id": 10,
        "recipient id": 10, "contact id": 9, "member id": 9, "client id": 9, "kunden nr": 10,
        "kundennr": 10, "kundennummer": 10, "kunden id": 10, "kundenid": 10, "nutzer id": 10,
        "empfaenger id": 10, "profile id": 8, "user": 8, "customer": 8, "subscriber": 8, "recipient": 8,
        "kunde": 8, "nutzer": 8, "empfaenger": 7, "email": 7, "e mail": 6, "uid": 7, "contact": 6,
        "id": 2,
    },
    "time": {
        "sent at": 10, "sent on": 10, "send time": 10, "send date": 10, "sent": 9, "sending": 8,
        "delivered": 7, "versendet": 10, "versanddatum": 10, "versandzeit": 10, "versandzeitpunkt": 10,
        "versand": 9, "gesendet": 10, "verschickt": 10, "timestamp": 7, "datum": 6, "date": 6,
        "zeitpunkt": 6, "zeit": 5, "time": 5, "day": 4, "tag": 4,
    },
    "recommender": {
        "recommender": 10, "empfehler": 10, "algorithm": 9, "algorithmus": 9, "algo": 9, "arm": 9,
        "variant": 8, "variante": 8, "treatment": 8, "strategy": 8, "strategie": 8, "action": 7,
        "template": 6, "vorlage": 6, "group": 4, "gruppe": 4, "content": 4, "inhalt": 4, "version": 4,
    },
    "clicked": {
        "clicked": 10, "geklickt": 10, "click": 9, "clicks": 9, "klick": 9, "klicks": 9, "visit": 4,
        "visited": 4, "converted": 4, "conversion": 4, "response": 4,
    },
    "unsubscribed": {
        "unsubscribed": 10, "unsubscribe": 10, "unsubscribes": 10, "unsub": 10, "optout": 9,
        "opt out": 9, "opted out": 9, "abgemeldet": 10, "abmeldung": 10, "abmeldungen": 10,
        "abbestellt": 10,
    },
    "propensity": {
        "propensity": 10, "pscore": 9, "probability": 8, "prob": 8, "wahrscheinlichkeit": 8,
    },
    "campaign": {
        "campaign": 10, "kampagne": 10, "mailing": 8, "newsletter id": 6, "issue": 5, "ausgabe": 5,
        "edition": 5,
    },
    "policy_version": {"policy version": 10, "policy": 8, "model version": 8},
}  # fmt: skip
# A name with one of these is about the time before, or a rate: no outcome of this newsletter.
_OF_THE_PAST = frozenset((
    "last", "past", "previous", "prior", "before", "rate", "ratio", "share", "avg", "mean", "month",
    "week", "year", "months", "weeks", "years", "total", "letzte", "letzten", "letzter", "vorher",
    "quote", "monat", "woche", "jahr", "7d", "30d", "90d", "365d",
))  # fmt: skip
# A name with one of these is known only after sending, unless it is about the past.
_OF_THE_FUTURE = frozenset((
    "click", "clicks", "clicked", "klick", "klicks", "geklickt", "open", "opens", "opened", "oeffnung",
    "oeffnungen", "geoeffnet", "unsub", "unsubscribe", "unsubscribed", "optout", "abmeldung",
    "abgemeldet", "bounce", "bounced", "complaint", "complained", "spam", "converted", "conversion",
))  # fmt: skip
_IDS = frozenset((
    "id", "ids", "uid", "uuid", "guid", "nr", "nummer", "number", "code", "key", "plz", "zip",
    "postcode", "postal", "email", "mail", "hash",
))  # fmt: skip
OUTCOMES: tuple[Role, ...] = ("clicked", "unsubscribed")


def words_of(name: str) -> tuple[str, ...]:
    """The words of a column's name, in lower case: `lastOrder_Öffnung` -> last, order, oeffnung."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    lowered = spaced.lower().translate(_UMLAUTS)
    plain = unicodedata.normalize("NFKD", lowered).encode("ascii", "ignore").decode()
    return tuple(re.findall(r"[a-z0-9]+", plain))


def fit(role: Role, name: str) -> float:
    """How well the name of a column fits the role, from 0 to 10."""
    words = words_of(name)
    if role in OUTCOMES and _OF_THE_PAST & set(words):
        return 0.0
    found = 0.0
    for phrase, sure in _WORDS[role].items():
        parts = phrase.split()
        if all(part in words for part in parts):
            # Each other word makes it a little less likely.
            found = max(found, sure - 0.5 * (len(words) - len(parts)))
    return max(found, 0.0)


def after_sending(name: str) -> bool:
    """The name says that the column is known only after sending."""
    words = set(words_of(name))
    return bool(words & _OF_THE_FUTURE) and not words & _OF_THE_PAST


def an_id(name: str) -> bool:
    """The name says that the column's numbers count nothing."""
    return bool(set(words_of(name)) & _IDS)
