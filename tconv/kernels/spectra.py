"""Products of spectra, summed over the channels: what is a convolution in space."""

from __future__ import annotations

from tconv.kernels.launch import serial

CHUNK = 2048  # frequencies at a time, so that their sums stay in the first-level cache


@serial
def multiply_spectra(x, w, pairs, y):
    """``y[u, group, out] = sum over (u, r) of pairs, and channels in, of x[r, group, in] * w[pair, group, in, out]``.

    Each of these is a spectrum, one number for each frequency. ``pairs`` are sorted by ``u``.
    """
    channels_in, channels_out, frequencies = w.shape[2:]
    chunks = (frequencies + CHUNK - 1) // CHUNK
    groups = y.shape[1]
    for item in range(groups * channels_out * chunks):
        first = item % chunks * CHUNK
        last = min(first + CHUNK, frequencies)
        out = item // chunks % channels_out
        group = item // chunks // channels_out
        for u in range(y.shape[0]):
            y[u, group, out, first:last] = 0
        for pair in range(pairs.shape[0]):
            sums = y[pairs[pair, 0], group, out, first:last]
            for channel in range(channels_in):
                factors = x[pairs[pair, 1], group, channel, first:last]
                weights = w[pair, group, channel, out, first:last]
                for f in range(last - first):
                    sums[f] += factors[f] * weights[f]
