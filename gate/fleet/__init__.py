"""Many hosts and many components: a release plan is checked, ordered and written for engines that carry it out.

Nothing here schedules or touches a host: `release/` reads `release.yaml`, `inventory/` says which hosts there are, `order/` what has
to come before what, `plan/` who is updated when, `engines/` writes for Ansible and Argo, `status/` asks sidecars what runs.
"""
