# SPDX-License-Identifier: GPL-2.0-only
"""The cells of one run on many hosts: workers of a Dask cluster run them, the orchestrator hands them out.

Dask brings the connections, who is alive, TLS, and the ways to start workers (SSH, Slurm, Kubernetes). Which cell goes
to which worker, and what becomes of it when the worker dies, is decided here (``ledger``): a cell is written down as
attempted before it goes out, one that kills its workers is found and ended, and the first result is the only one.

``distributed`` is an extra of the testbed: ``executor`` and ``connect`` can be imported without it, and say what lacks.
"""
