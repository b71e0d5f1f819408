"""The settings that a user edits, typed and validated: the use case and its environment.

Two YAML files make a run. The *use case* (``configs/newsletter.yaml``) says what is decided: recommenders,
features, reward, window, agent, exploration and gate. The *environment* (``configs/environments/local.yaml``)
says where: warehouse, Beam runner, ranking store and registry. Importing these modules imports neither
TensorFlow nor TFX.
"""
