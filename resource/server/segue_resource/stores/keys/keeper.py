"""What data keys are made and opened with."""

from dataclasses import dataclass

from segue_resource.stores.keys.master_key import MasterKey, Random


@dataclass(frozen=True)
class Keeper:
    """The master key and the dice."""

    master: MasterKey
    random: Random
