"""Gives a signature of a SavedModel a second name, without loading the model.

The SavedModel names its signatures twice: in `signature_def`, which TensorFlow Serving, tfx_bsl and
saved_model_cli read, and in the object graph, which `tf.saved_model.load` reads. Both get the alias; graph,
variables and assets stay as they are, so the outputs are the same, and nothing is traced or saved again.
"""

from __future__ import annotations

import os
from typing import Any

from components.trainer import fingerprint
from newsletter_bandit.errors import DataError
from newsletter_bandit.exported_model import SERVING_DEFAULT
from newsletter_bandit.files import read_bytes, write_bytes

SAVED_MODEL = "saved_model.pb"


def alias_signature(model_dir: str, signature: str) -> None:
    """Makes `SERVING_DEFAULT` another name of ``signature``; an older alias of that name is replaced.

    Args:
      model_dir: folder of a SavedModel, which is changed.
      signature: name of an exported signature.

    Raises:
      DataError: there is no SavedModel, or no such signature; names the existing ones.
    """
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    path = os.path.join(model_dir, SAVED_MODEL)
    model = saved_model_pb2.SavedModel()
    try:
        model.ParseFromString(read_bytes(path))
    except (OSError, DecodeError) as error:
        raise DataError(f"{path}: not a SavedModel: {error}") from error
    for graph in model.meta_graphs:
        _alias(graph, signature, path)
    write_bytes(path, model.SerializeToString(deterministic=True))
    fingerprint.renew(model_dir)


def _alias(graph: Any, signature: str, path: str) -> None:
    if signature not in graph.signature_def:
        names = sorted(name for name in graph.signature_def if not name.startswith("__"))
        raise DataError(f"{path}: no signature {signature}; available: {', '.join(names)}")
    graph.signature_def[SERVING_DEFAULT].CopyFrom(graph.signature_def[signature])

    nodes = graph.object_graph_def.nodes
    for child in nodes[0].children if nodes else ():
        if child.local_name == "signatures":
            named = nodes[child.node_id].children
            functions = {item.local_name: item.node_id for item in named}
            functions[SERVING_DEFAULT] = functions[signature]
            del named[:]
            for name, node_id in functions.items():
                named.add(local_name=name, node_id=node_id)
