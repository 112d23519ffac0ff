# SPDX-License-Identifier: Apache-2.0
"""The servers of the integration tests, set up for speed."""

from sluicetest.kafka import KafkaBroker


class FastBroker(KafkaBroker):
    """With the optimising compiler, which a test does not wait for."""

    def _java(self, archive: bool = True) -> list:
        slow = ("-XX:TieredStopAtLevel", "-XX:SharedArchiveFile", "-XX:ArchiveClassesAtExit")
        return [a for a in super()._java(archive=False) if not str(a).startswith(slow)]
