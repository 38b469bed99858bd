# sh launcher.sh <fifo or -> <exit file or -> <open files or -> <512-byte blocks of a file or -> <cgroup dirs joined by ':' or -> -- argv...
# Holds the FIFO open both ways, so that output survives the agent. With an exit file it stays as the parent, outside the
# cgroups, and writes the exit code there with a newline, as its last act; without one it becomes the command.
# The command's environment passes through: no name is assigned here but lockstep_launch_*, which never comes this way.
lockstep_launch_fifo=$1 lockstep_launch_exit_file=$2 lockstep_launch_files=$3 lockstep_launch_blocks=$4 lockstep_launch_groups=$5
shift 6
umask 027
if [ "$lockstep_launch_fifo" != - ]; then exec 1<>"$lockstep_launch_fifo" 2>&1; fi
exec </dev/null
enter() {
  set -f
  IFS=:
  for lockstep_launch_group in $lockstep_launch_groups; do
    if [ "$lockstep_launch_group" != - ] && ! echo 0 >"$lockstep_launch_group/cgroup.procs"; then
      echo "lockstep: cannot enter $lockstep_launch_group" >&2
      exit 125
    fi
  done
  unset IFS
  set +f
  ulimit -c 0
  if [ "$lockstep_launch_files" != - ]; then ulimit -n "$lockstep_launch_files" || :; fi
  if [ "$lockstep_launch_blocks" != - ]; then ulimit -f "$lockstep_launch_blocks" || :; fi
}
if [ "$lockstep_launch_exit_file" = - ]; then
  enter
  exec "$@"
fi
trap : TERM INT HUP
# This shell would announce what a signal ended ("Terminated"), in the place of the command's own last words.
exec 3>&2 2>/dev/null
( trap - TERM INT HUP; exec 2>&3 3>&-; enter; exec "$@" )
lockstep_launch_code=$?
echo "$lockstep_launch_code" >"$lockstep_launch_exit_file"
