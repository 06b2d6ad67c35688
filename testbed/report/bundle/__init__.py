# SPDX-License-Identifier: GPL-2.0-only
"""What of a bundle is for a person and a shell: ``reproduce.sh`` and ``README.md``."""
