"""Networks: our own, and the published one."""
