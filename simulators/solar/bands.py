"""How bright each part of the Sun is in each waveband.

Numbers are intensities in units of the quiet Sun at the centre of the disc in the same band; what each means stands
with `Band`. They say what is bright, dark or not seen at all, for which docs/solar.md has the sources as far as there
are any; how bright is a choice, and no calibration of an instrument.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from graft.spaces.errors import unknown


@dataclass(frozen=True)
class Band:
    """What an image of one band shows.

    Attributes:
        darkening: Intensity at the limb is 1 - darkening, linear in the cosine; below 0 it brightens.
        granules: Deviation of granulation.
        network: How much brighter the magnetic network is, as a fraction.
        fibrils: Deviation of chromospheric fibrils.
        mottle: Deviation of unresolved coronal structure, of the logarithm.
        plage: How much brighter plage is, as a fraction.
        umbra: Intensity of an umbra.
        penumbra: Intensity of a penumbra.
        filament: Intensity in the middle of a filament on the disc; 1 is not seen.
        prominence: Emission of the same above the limb.
        absorbs: Share of the corona behind it that a prominence, or a filament's channel, takes away.
        ribbons: Emission of flare ribbons.
        arcade: Emission of the loops between ribbons.
        loops: Emission of an active region's loops.
        spicules: Emission of spicules at the limb.
        corona: Emission just above the limb.
        height: Over which that falls by e, arc seconds.
        logarithmic: Whether images show log10(1 + intensity), as is the custom where it spans decades.
    """

    darkening: float
    granules: float = 0.0
    network: float = 0.0
    fibrils: float = 0.0
    mottle: float = 0.0
    plage: float = 0.0
    umbra: float = 1.0
    penumbra: float = 1.0
    filament: float = 1.0
    prominence: float = 0.0
    absorbs: float = 0.0
    ribbons: float = 0.0
    arcade: float = 0.0
    loops: float = 0.0
    spicules: float = 0.0
    corona: float = 0.0
    height: float = 40.0
    logarithmic: bool = False


BANDS: Mapping[str, Band] = MappingProxyType(
    {
        # H-alpha core: fibrils, dark filaments, bright prominences, bright ribbons; spots smaller than in continuum.
        "halpha": Band(
            0.35,
            granules=0.02,
            network=0.12,
            fibrils=0.07,
            plage=0.35,
            umbra=0.40,
            penumbra=0.78,
            filament=0.45,
            prominence=0.40,
            ribbons=1.8,
            arcade=0.12,
            spicules=0.35,
            height=8.0,
        ),
        # Continuum at 5576 A: the photosphere. Filaments, prominences and nearly all flares leave no trace.
        "continuum": Band(
            0.60, granules=0.047, network=0.01, plage=0.01, umbra=0.42, penumbra=0.86, ribbons=0.02, height=2.0
        ),
        # 1600 A: upper photosphere and C IV. Bright network, plage and ribbons; spots dark; filaments hardly.
        "1600": Band(
            0.25,
            granules=0.05,
            network=0.55,
            plage=1.3,
            umbra=0.30,
            penumbra=0.65,
            filament=0.96,
            prominence=0.04,
            ribbons=14.0,
            spicules=0.25,
            height=3.0,
            logarithmic=True,
        ),
        # He II 304 A: chromosphere and transition region. Prominences brighter than the disc, the limb bright.
        "304": Band(
            -0.3,
            network=0.9,
            fibrils=0.12,
            mottle=0.15,
            plage=2.5,
            umbra=0.75,
            penumbra=0.95,
            filament=0.40,
            prominence=1.6,
            ribbons=12.0,
            arcade=1.5,
            loops=0.4,
            spicules=1.2,
            corona=0.15,
            height=25.0,
            logarithmic=True,
        ),
        # Fe IX 171 A, 0.7 MK: fans of loops from spots, moss; filaments and prominences absorb.
        "171": Band(
            -1.0,
            network=0.25,
            mottle=0.30,
            plage=1.5,
            umbra=0.70,
            penumbra=0.90,
            filament=0.45,
            prominence=0.08,
            absorbs=0.55,
            ribbons=14.0,
            arcade=9.0,
            loops=5.0,
            spicules=0.15,
            corona=1.3,
            height=55.0,
            logarithmic=True,
        ),
        # Fe XII 193 A, 1.5 MK (Fe XXIV in flares): diffuse; the hot arcade outshines the ribbons.
        "193": Band(
            -1.0,
            network=0.12,
            mottle=0.30,
            plage=1.2,
            umbra=0.80,
            penumbra=0.95,
            filament=0.40,
            absorbs=0.60,
            ribbons=8.0,
            arcade=16.0,
            loops=6.0,
            corona=1.5,
            height=75.0,
            logarithmic=True,
        ),
        # Soft X-rays, above 2 MK: loops and arcades alone. No photosphere, no spot, no ribbon, no prominence.
        "xray": Band(
            -0.4,
            mottle=0.45,
            plage=1.0,
            filament=0.75,
            absorbs=0.15,
            ribbons=1.0,
            arcade=40.0,
            loops=14.0,
            corona=1.2,
            height=90.0,
            logarithmic=True,
        ),
    }
)


def band(name: str) -> Band:
    """The band of that name.

    Raises:
        InputError: If there is none.
    """
    if name not in BANDS:
        raise unknown("waveband", name, BANDS)
    return BANDS[name]
