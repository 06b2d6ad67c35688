# SPDX-License-Identifier: GPL-2.0-only
"""The measurement of what a scheduler carries, at a size that takes seconds."""

from fakes import ROOT, quiet

from testbed.run.cluster.simulate import simulate


def test_load_of_a_small_cluster_is_measured(tmp_path, monkeypatch):
    monkeypatch.setenv("TESTBED_CACHE", str(tmp_path))
    load = simulate(ROOT, 21, 3, 4, quiet)
    assert (load.cells, load.workers) == (21, 3)
    assert 4096 <= load.result_bytes < 6000
    assert min(load.scheduler_cpu_s, load.orchestrator_cpu_s, load.workers_cpu_s) > 0
    assert load.most_cells_per_s >= load.cells_per_s
