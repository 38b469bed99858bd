# sh command.sh <reports folder> <file with the command> [<name of a report> <file that the command writes>]...
# Runs a check of the repository's own and brings its reports out of the tree. A report that was committed is taken away first:
# only what this run wrote counts. `docs` is a folder, and may be a committed one. The exit code is the command's.
lockstep_reports=$1 lockstep_command=$2
shift 2
pwd >"$lockstep_reports/where.txt"
# A Python project is found in its tree, as if it were installed.
LOCKSTEP_TREE=$(pwd)
export LOCKSTEP_TREE
lockstep_each() {
  lockstep_do=$1
  shift
  while [ "$#" -gt 1 ]; do
    "$lockstep_do" "$1" "$2"
    shift 2
  done
}
forget() { if [ "$1" != docs ]; then rm -f -- "./$2"; fi; }
bring() {
  if [ "$1" = docs ]; then
    if [ -d "./$2" ]; then cp -R -P -- "./$2" "$lockstep_reports/docs"; fi
  elif [ -f "./$2" ]; then
    cp -- "./$2" "$lockstep_reports/$1"
  fi
}
lockstep_each forget "$@"
# A shell would announce a command that a signal ended, in its place as the last line; and who ends us ends the command.
trap : TERM
exec 3>&2 2>/dev/null
( trap - TERM; exec 2>&3 3>&-; exec /bin/sh "$lockstep_command" )
lockstep_code=$?
exec 2>&3 3>&-
lockstep_each bring "$@"
exit "$lockstep_code"
