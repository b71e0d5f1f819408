"""TFDV's anomalies as lines that a person can act on."""

from __future__ import annotations

from tensorflow_metadata.proto.v0 import anomalies_pb2


def describe(anomalies: anomalies_pb2.Anomalies) -> list[str]:
    """One line per feature with an error: its name, the anomaly and TFDV's explanation; no warnings."""
    lines = []
    if anomalies.HasField("dataset_anomaly_info"):
        lines += _lines("the rows as a whole", anomalies.dataset_anomaly_info)
    for name in sorted(anomalies.anomaly_info):
        lines += _lines(f"feature {name}", anomalies.anomaly_info[name])
    if anomalies.data_missing and not lines:
        lines.append("the rows as a whole: none there")
    return lines


def _lines(what: str, info: anomalies_pb2.AnomalyInfo) -> list[str]:
    if info.severity == anomalies_pb2.AnomalyInfo.WARNING:
        return []
    reasons = info.reason or [info]
    return [f"{what}: {reason.short_description}: {reason.description}" for reason in reasons]
