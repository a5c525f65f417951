# SPDX-License-Identifier: Apache-2.0
# growth.gp - cost of an operation beside growing numbers, a line per series. data: blocks of a "title", then size cost.
set terminal png size 800, 500 font ",10"
set output output_file
set title "time per operation"
set logscale xy
set xlabel label
set ylabel "ns"
set format x "10^{%L}"
if (label eq "processors") { set format x "%g"; set xtics (1, 2, 4, 8) }
set grid
set key outside right
plot for [i = 0:blocks - 1] data index i using 1:2 with linespoints lw 2 title columnheader(1)
