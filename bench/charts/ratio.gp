# SPDX-License-Identifier: Apache-2.0
# ratio.gp - time per operation as a part of Go's, a bar per benchmark and number of processors.
# data: "name" ratio-at-1 ratio-at-2; lines: how many.
set terminal png noenhanced size 900, 140 + 15 * lines font ",9"
set output output_file
set title "time per operation, Weft / Go (shorter is faster; 1: as Go)"
set xrange [0:*]
set yrange [-0.7:lines - 0.3]
set ytics 1 nomirror
set grid xtics
set key outside bottom center horizontal
set style fill solid
set arrow from 1, graph 0 to 1, graph 1 nohead lw 2 lc rgb "#808080"
height = 0.36
plot data using (0):($0):(0):(column(2)):($0):($0 + height):ytic(1) with boxxyerror lc rgb "#3060a0" title "1 processor", \
     data using (0):($0 - height):(0):(column(3)):($0 - height):($0) with boxxyerror lc rgb "#e09030" title "2 processors"
