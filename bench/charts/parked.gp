# SPDX-License-Identifier: Apache-2.0
# parked.gp - memory of a task that waits. data: "system" bytes; lines: how many.
set terminal png noenhanced size 800, 120 + 40 * lines font ",10"
set output output_file
set title "bytes of a waiting task, resident and page tables (100,000 of them, 1 processor)"
set xrange [0:*]
set yrange [-0.7:lines - 0.3]
set ytics 1 nomirror
set grid xtics
unset key
set style fill solid
plot data using (0):($0):(0):(column(2)):($0 - 0.35):($0 + 0.35):ytic(1) with boxxyerror lc rgb "#3060a0", \
     data using (column(2)):0:(sprintf(" %.0f", column(2))) with labels left
