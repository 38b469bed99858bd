# sh launcher.sh <fifo or -> <exit file or -> <open files or -> <512-byte blocks of a file or -> <cgroup dirs joined by ':' or -> -- argv...
# Holds the FIFO open both ways, so that output survives the agent. With an exit file it stays as the parent, outside the
# cgroups, and writes the exit code there with a newline, as its last act; without one it becomes the command.
fifo=$1 exit_file=$2 files=$3 blocks=$4 groups=$5
shift 6
umask 027
if [ "$fifo" != - ]; then exec 1<>"$fifo" 2>&1; fi
exec </dev/null
enter() {
  set -f
  IFS=:
  for group in $groups; do
    if [ "$group" != - ] && ! echo 0 >"$group/cgroup.procs"; then
      echo "lockstep: cannot enter $group" >&2
      exit 125
    fi
  done
  unset IFS
  set +f
  ulimit -c 0
  if [ "$files" != - ]; then ulimit -n "$files" || :; fi
  if [ "$blocks" != - ]; then ulimit -f "$blocks" || :; fi
}
if [ "$exit_file" = - ]; then
  enter
  exec "$@"
fi
trap : TERM INT HUP
( trap - TERM INT HUP; enter; exec "$@" )
code=$?
echo "$code" >"$exit_file"
