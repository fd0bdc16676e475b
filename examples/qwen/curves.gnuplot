# gnuplot -c curves.gnuplot METRICS.jsonl... > curves.svg: reward and valid format of GRPO's own answers, step by step, for
# the runs of several seeds: a running mean of five steps each.
set terminal svg size 960,300 dynamic font 'sans-serif,13' noenhanced background '#ffffff'
set multiplot layout 1,2
set border 3 lc rgb '#9aa3af'
set tics nomirror
set grid ytics lc rgb '#e3e7ed'
set key bottom right
set xlabel 'step of GRPO'
field(name, file) = sprintf("< sed -n 's|.*\"phase\":\"grpo\",\"step\":\\([0-9]*\\),.*\"%s\":\\([^,}]*\\).*|\\1 \\2|p' '%s'", name, file)
array recent[5]
mean(step, value) = (recent[1 + int(step) % 5] = value, n = step < 4 ? step + 1 : 5, sum [i=1:int(n)] recent[i] / n)
do for [plot in "reward rewards/format/mean"] {
  set title plot eq 'reward' ? 'reward' : 'share of answers in valid format'
  plot for [i=1:ARGC] field(plot, value(sprintf('ARG%d', i))) using 1:(mean($1, $2)) with lines lw 2 title sprintf('seed %d', i)
}
