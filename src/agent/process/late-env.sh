# sh -c "$(cat late-env.sh)" late-env.sh <count> argv...
# Runs after the privileges are gone: gives the command the variables that must not steer what came before it. Each of
# LOCKSTEP_LATE_1 ... holds one as NAME=VALUE, so that no value stands in an argv for longer than env(1) takes to become the command.
lockstep_launch_at=$1
shift
while [ "$lockstep_launch_at" -gt 0 ]; do
  eval "set -- \"\$LOCKSTEP_LATE_$lockstep_launch_at\" \"\$@\""
  unset "LOCKSTEP_LATE_$lockstep_launch_at"
  lockstep_launch_at=$((lockstep_launch_at - 1))
done
exec /usr/bin/env "$@"
