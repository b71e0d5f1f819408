"""ReferenceModel: an earlier version of the registry, with which the gate compares as well."""
