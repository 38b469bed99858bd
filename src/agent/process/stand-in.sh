# sh stand-in.sh <folder of pipes> <folder for what they said>
# Waits for the end of its input, which the agent alone holds open. Then it reads every pipe, so that no app ever waits
# for a reader: the first MiB of each is kept for the next agent, what follows is dropped. Ends with the last writer.
pipes=$1 kept=$2
umask 077
ulimit -c 0
while read -r _; do :; done
for pipe in "$pipes"/*; do
  [ -p "$pipe" ] || continue
  (
    # Open both ways for a moment: a pipe that nobody writes would hold up its opening for ever.
    exec 3<>"$pipe" <"$pipe" 3>&-
    ( ulimit -f 2048; exec cat >>"$kept/${pipe##*/}" ) || {
      # 40 MB a second at most: whoever writes more waits. Nothing more comes when nobody writes any more.
      while [ "$(head -c 4194304 | wc -c)" -gt 0 ]; do sleep 0.1; done
    }
  ) &
done
wait
