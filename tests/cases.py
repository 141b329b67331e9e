"""Problems chosen by hand, each for a corner of the definition or for a way in which an engine cuts its work.

``SMALL`` ones can be asked of the oracle. ``LARGE`` ones go through several tiles of columns, panels of rows
and chunks of either. ``OVERLAPPING`` ones are of both kinds, with taps as Winograd's algorithm asks for. All are
transposed convolutions; ``problems.turned`` makes the ordinary ones from them.
"""

from __future__ import annotations

from tconv.geometry import Axis
from tests.problems import axis, problem

T = "conv_transpose"

SMALL = {
    # the document and the smallest
    "document": problem(T, axis(2, 2), axis(2, 2)),
    "all_ones": problem(T, axis(1, 1)),
    "one_input": problem(T, axis(1, 5, 2)),
    "one_output": problem(T, Axis(5, 3, 2, 1, 4, 1), Axis(4, 4, 2, 1, 3, 1)),
    # kernel against stride
    "kernel_below_stride": problem(T, axis(4, 2, 5), axis(3, 1, 3), channels_out=3),
    "kernel_is_stride": problem(T, axis(4, 2, 2), axis(5, 3, 3), channels_in=2, channels_out=5),
    "kernel_twice_stride": problem(T, axis(5, 4, 2, crop=1), axis(6, 4, 2, crop=1), batch=2, channels_out=3),
    "kernel_not_multiple": problem(T, axis(6, 5, 3, crop=1), axis(4, 5, 2, crop=2, more=1), channels_in=3),
    "kernel_longer_than_input": problem(T, axis(2, 9, 1, crop=3), axis(3, 7, 2)),
    "stride_differs": problem(T, axis(4, 3, 1, crop=1), axis(4, 3, 2, crop=1, more=1), axis(2, 4, 3)),
    "long_stride": problem(T, axis(5, 33, 16, crop=8), channels_in=3, channels_out=2, batch=2),
    "longer_stride": problem(T, axis(3, 100, 50, crop=25), channels_in=2),
    "stride_above_output": problem(T, Axis(3, 3, 40, 1, 0, 7), axis(3, 2)),
    # dilation
    "dilated": problem(T, axis(5, 3, 1, 2, crop=2), axis(5, 2, 1, 4), channels_out=2),
    "dilated_and_strided": problem(T, axis(4, 3, 2, 3, crop=2), axis(3, 3, 3, 2, crop=1)),
    "dilation_shares_factor": problem(T, axis(4, 3, 2, 2), axis(4, 2, 4, 6, crop=3), channels_in=2),
    "dilation_is_stride": problem(T, axis(5, 3, 3, 3, crop=3), axis(2, 2, 2, 2)),
    "dilated_one_input": problem(T, axis(1, 4, 2, 3, crop=1), axis(1, 2, 1, 5)),
    # crops and what is appended
    "crop_begin_only": problem(T, axis(4, 4, 2, crop=3, end=0), axis(4, 3, 1, crop=0, end=2)),
    "crop_above_kernel": problem(T, axis(9, 3, 2, crop=7, end=6), axis(8, 2, 1, crop=4, end=1)),
    "negative_crop": problem(T, axis(3, 3, 2, crop=-2, end=-3), axis(2, 2, 1, crop=-5, end=1)),
    "crop_all_inputs_but_one": problem(T, Axis(6, 2, 3, 1, 15, 2), axis(2, 2)),
    "nothing_but_bias": problem(T, Axis(2, 2, 2, 1, 10, 4), axis(2, 2), channels_out=2),
    "nothing_but_bias_before": problem(T, Axis(2, 2, 2, 1, -9, 4), axis(2, 2), channels_out=2),
    "bias_only_between": problem(T, Axis(2, 2, 3, 1, 1, 3), Axis(1, 1, 1, 1, 0, 2), axis(2, 1), batch=2),
    "output_padding": problem(T, axis(3, 3, 2, crop=1, more=1), axis(3, 2, 3, more=2)),
    "k3s1d2": problem(T, axis(71, 3, 1, 2, crop=2), channels_in=5, channels_out=3, batch=2),
    "k4s2d3": problem(T, axis(37, 4, 2, 3, crop=4, end=3), channels_in=3, channels_out=4),
    "k2s1d5": problem(T, axis(19, 2, 1, 5, crop=1), channels_in=2, channels_out=3),
    "much_output_padding": problem(T, axis(3, 2, 2, more=19), axis(2, 3, 1, crop=1, more=7)),
    # channels, groups, batch
    "channels": problem(T, axis(3, 2, 2), channels_in=5, channels_out=13, batch=3),
    "rows_17": problem(T, axis(4, 3, 1, crop=1), channels_in=2, channels_out=17),
    "rows_1_to_many": problem(T, axis(4, 4, 2, crop=1), axis(3, 4, 2, crop=1), channels_in=7, channels_out=1),
    "groups": problem(T, axis(4, 3, 2, crop=1), axis(3, 3, 2), groups=3, channels_in=2, channels_out=4, batch=2),
    "depthwise": problem(T, axis(5, 4, 2, crop=1), axis(5, 4, 2, crop=1), groups=6, batch=2),
    "depthwise_multiplier": problem(T, axis(4, 3, 1), groups=3, channels_out=3),
    # number of axes
    "1d": problem(T, axis(20, 4, 2, crop=1), channels_in=3, channels_out=2, batch=2),
    "3d": problem(T, axis(3, 4, 2, crop=1), axis(2, 3, 1, crop=1), axis(4, 2, 2), channels_in=2, channels_out=2),
    "4d": problem(T, axis(2, 2, 2), axis(2, 3, 1), axis(1, 2, 3), axis(3, 2, 1, 2, crop=1), channels_out=2, groups=2),
    "5d": problem(T, axis(2, 1, 2), axis(1, 2), axis(2, 2, 2), axis(2, 2, 1, crop=1), axis(2, 3, 2), channels_in=2),
    "6d": problem(T, *(axis(2, 2, s, crop=c) for s, c in ((1, 0), (2, 1), (1, 1), (2, 0), (1, 0), (3, 1)))),
    # rows of positions that fit a register, and that do not quite
    "lines_of_16": problem(T, axis(2, 3, 1, crop=1), axis(16, 3, 1, crop=1), channels_out=3),
    "lines_of_17": problem(T, axis(2, 4, 2, crop=1), axis(17, 4, 2, crop=1), channels_out=2),
    "lines_of_31": problem(T, axis(2, 3, 3, crop=1), axis(31, 3, 3, crop=1), channels_in=2),
    "lines_of_33": problem(T, axis(33, 4, 4), channels_out=2, batch=3),
    "column_of_many_lines": problem(T, axis(40, 3, 2, crop=1), axis(1, 2, 2), channels_out=2),
}

LARGE = {
    "gan": problem(T, axis(16, 4, 2, crop=1), axis(16, 4, 2, crop=1), batch=3, channels_in=21, channels_out=35),
    "unet": problem(T, axis(29, 2, 2), axis(37, 2, 2), channels_in=70, channels_out=37),
    "small_images": problem(T, axis(4, 4, 2, crop=1), axis(4, 4, 2, crop=1), batch=9, channels_in=70, channels_out=66),
    "deep": problem(T, axis(5, 3, 1, crop=1), axis(7, 3, 1, crop=1), channels_in=300, channels_out=9),
    "one_pixel": problem(T, axis(1, 4), axis(1, 4), batch=5, channels_in=50, channels_out=70),
    "upsampling": problem(T, axis(23, 16, 8, crop=4), axis(19, 16, 8, crop=4), channels_in=5, channels_out=3),
    "depthwise": problem(T, axis(23, 16, 8, crop=4), axis(21, 16, 8, crop=4), groups=7),
    "super_resolution": problem(T, axis(38, 9, 3, crop=4, more=2), axis(40, 9, 3, crop=4, more=2), channels_in=14),
    "volume": problem(
        T,
        axis(9, 3, 2, crop=1),
        axis(10, 4, 2, crop=1),
        axis(11, 4, 2, crop=1),
        channels_in=4,
        channels_out=5,
    ),
    "vocoder": problem(T, axis(1201, 4, 2, crop=1), channels_in=20, channels_out=30),
    "istft": problem(T, axis(40, 256, 64), channels_in=25),
    "large_stride": problem(T, axis(5, 40, 20), axis(4, 40, 20), channels_in=2, channels_out=2),
    "dilated_groups": problem(
        T, axis(30, 3, 2, 3, crop=2), axis(33, 3, 1, 2, crop=2), groups=3, channels_in=9, channels_out=11
    ),
    "single": problem(T, axis(200, 5, 2, crop=2, more=1), axis(190, 5, 2, crop=2, more=1)),
    "cropped": problem(
        T, axis(40, 5, 3, crop=31, end=22), axis(40, 4, 2, crop=17, end=40), channels_in=6, channels_out=26
    ),
    "odd_lanes": problem(T, axis(33, 3, 6, crop=1), axis(33, 7, 6, crop=3), channels_in=11, channels_out=7),
    "stride_7": problem(T, axis(33, 7, 7), axis(17, 9, 7, crop=2), channels_in=11, channels_out=7),
}

OVERLAPPING = {
    # one axis
    "k2s1": problem(T, axis(23, 2), channels_in=3, channels_out=5),
    "k3s1": problem(T, axis(70, 3, crop=1), channels_in=5, channels_out=3, batch=2),
    "k3s2": problem(T, axis(19, 3, 2, crop=1), channels_in=2, channels_out=7, batch=3),
    "k4s2": problem(T, axis(300, 4, 2, crop=1), channels_in=9, channels_out=5),
    "k5s2": problem(T, axis(31, 5, 2, crop=2, more=1), channels_in=3, channels_out=2, groups=3),
    "k6s2": problem(T, axis(21, 6, 2, crop=2), channels_in=4, channels_out=3),
    "k5s3": problem(T, axis(12, 5, 3, crop=1), channels_in=3, channels_out=4, batch=2),
    "k6s3": problem(T, axis(41, 6, 3, crop=2, end=1), channels_in=6, channels_out=5),
    "k8s4": problem(T, axis(35, 8, 4, crop=2), channels_in=5, channels_out=6),
    "k14s7": problem(T, axis(9, 14, 7, crop=4), channels_in=2, channels_out=3),
    "negative_crop": problem(T, axis(9, 4, 2, crop=-3, end=-6), channels_in=2, channels_out=3),
    "crop_above_kernel": problem(T, axis(29, 4, 2, crop=11, end=9), channels_in=3, channels_out=2),
    "k3s1d2": problem(T, axis(71, 3, 1, 2, crop=2), channels_in=5, channels_out=3, batch=2),
    "k4s2d3": problem(T, axis(37, 4, 2, 3, crop=4, end=3), channels_in=3, channels_out=4),
    "k2s1d5": problem(T, axis(19, 2, 1, 5, crop=1), channels_in=2, channels_out=3),
    "much_output_padding": problem(T, axis(7, 3, 1, crop=1, more=40), channels_in=2, channels_out=2),
    "few_of_many": problem(T, Axis(200, 4, 2, 1, 77, 9), channels_in=3, channels_out=2),
    # two
    "k3s1_k3s1": problem(T, axis(11, 3, crop=1), axis(13, 3, crop=1), channels_in=7, channels_out=9, batch=2),
    "k2s1_k2s1": problem(T, axis(5, 2), axis(19, 2), channels_in=3, channels_out=5),
    "k4s2_k4s2": problem(T, axis(9, 4, 2, crop=1), axis(17, 4, 2, crop=1), channels_in=11, channels_out=6),
    "k3s2_k3s2": problem(
        T, axis(6, 3, 2, crop=1, more=1), axis(8, 3, 2, crop=1, more=1), channels_in=3, channels_out=4
    ),
    "k5s2_k5s2": problem(T, axis(6, 5, 2, crop=2), axis(9, 5, 2, crop=2, more=1), channels_in=5, channels_out=3),
    "k3s1d2_k3s1d2": problem(
        T, axis(11, 3, 1, 2, crop=2), axis(13, 3, 1, 2, crop=2), channels_in=7, channels_out=9, batch=2
    ),
    "k4s2_k3s1d3": problem(
        T, axis(6, 4, 2, crop=1), axis(22, 3, 1, 3, crop=3), channels_in=3, channels_out=5, groups=2
    ),
    "k3s1d2_k4s2": problem(T, axis(9, 3, 1, 2, crop=1), axis(17, 4, 2, crop=1), channels_in=3, channels_out=2),
    "k6s3_k3s1": problem(T, axis(5, 6, 3, crop=2), axis(21, 3, crop=1), channels_in=2, channels_out=5),
    "k6s2_k4s2": problem(T, axis(7, 6, 2, crop=2), axis(6, 4, 2, crop=1), channels_in=3, channels_out=2, groups=2),
    "k4s4_k4s2": problem(T, axis(3, 4, 4), axis(9, 4, 2, crop=1), channels_in=2, channels_out=3),
    "k4s2_k1": problem(T, axis(7, 4, 2, crop=1), axis(11, 1), channels_in=4, channels_out=3, batch=2),
    "k1_k3s1": problem(T, axis(6, 1), axis(18, 3, crop=1), channels_in=4, channels_out=3),
    "k3s1_k4s4": problem(T, axis(8, 3, crop=1), axis(5, 4, 4), channels_in=3, channels_out=2),
    "one_output_of_many": problem(T, Axis(9, 4, 2, 1, 7, 1), axis(8, 4, 2, crop=1), channels_in=2),
    "depthwise": problem(T, axis(14, 3, crop=1), axis(15, 4, 2, crop=1), groups=5, channels_out=2),
    "lines": problem(T, axis(5, 4, 2, crop=1), axis(70, 3, crop=1), channels_in=6, channels_out=50),
    "deep": problem(T, axis(4, 3, crop=1), axis(5, 4, 2, crop=1), channels_in=150, channels_out=13),
    # three and four
    "k4s2_k3s1_k3s1": problem(
        T, axis(4, 4, 2, crop=1), axis(5, 3, crop=1), axis(7, 3, crop=1), channels_in=3, channels_out=4
    ),
    "k3s2_k2s2_k4s2": problem(
        T, axis(3, 3, 2, crop=1), axis(3, 2, 2), axis(5, 4, 2, crop=1), channels_in=3, channels_out=2, batch=2
    ),
    "k3s1d2_k1_k2s1d3": problem(
        T, axis(5, 3, 1, 2, crop=2), axis(2, 1), axis(9, 2, 1, 3, crop=1), channels_in=2, channels_out=3, groups=2
    ),
    "k2s1_k6s3_k5s2": problem(T, axis(3, 2), axis(3, 6, 3, crop=1), axis(4, 5, 2, crop=1), channels_in=2, groups=2),
    "4d": problem(T, axis(3, 3, crop=1), axis(2, 1), axis(3, 4, 2, crop=1), axis(4, 2), channels_in=2, channels_out=3),
}
