"""Off-policy evaluation: what a log says of a policy that did not write it. Knows no settings and no pipeline."""
