"""Inventories: which hosts a group has, by Ansible's rules and in its order, for those that Ansible's playbooks will go to."""
