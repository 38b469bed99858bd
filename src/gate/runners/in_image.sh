# sh in_image.sh tests|sources|command FOLDER REPORTS FROM BEGAN NAME PROGRAMS PREPARE WORDS...
# Begins a check in a container of the app's image: in FOLDER of it, with what the commit adds. Of "tests" all that lies in FROM is put there, else
# what the folder lacks: what serves is what is checked. WORDS are those of the first of PROGRAMS (of NAME) that the image has; of a "command"
# they are all of it. PREPARE: a program of ours that runs before, under the same; "" is none. The file BEGAN says that it has come so far.
# Exit 126, 127 without it: the image cannot hold the check.
how=$1 folder=$2 reports=$3 from=$4 began=$5 name=$6 programs=$7 prepare=$8
shift 8
mine=${0%/*} bin=/lockstep/bin
cd "$folder" && mkdir -p "$reports" || exit 126
# An app at the root of a file system: what reads a whole folder gets one that is not everything.
if [ "$how" = sources ] && [ "$(pwd)" = / ]; then
  mkdir -p /lockstep/work && cd /lockstep/work || exit 126
fi

# What a folder has, and the other lacks.
bring() {
  for one in "$1"/* "$1"/.[!.]*; do
    if [ ! -e "$one" ] && [ ! -h "$one" ]; then continue; fi
    if [ ! -e "$2/${one##*/}" ] && [ ! -h "$2/${one##*/}" ]; then
      cp -R "$one" "$2/" || exit 126
    elif [ -d "$one" ] && [ -d "$2/${one##*/}" ]; then
      bring "$one" "$2/${one##*/}"
    fi
  done
}
if [ "$how" != tests ]; then
  bring "${from%/}" .
elif [ -d "$from" ]; then
  cp -R "$from/." . || exit 126
fi

program=
for one in $programs; do
  if command -v "$one" >/dev/null 2>&1; then
    program=$one
    break
  fi
done
if [ -n "$program" ] && [ -n "$prepare" ]; then
  mkdir -p "$bin" && "$program" "$mine/$prepare" "$bin" || exit 126
  # The app's own interpreter is the one that a command finds; what the checks bring comes last.
  case $program in /*) PATH=${program%/*}:$PATH ;; esac
  PATH=$PATH:$bin:$PWD/node_modules/.bin
  export PATH
fi
if [ "$how" = command ]; then
  : >"$began"
  exec "$@"
fi
if [ -z "$program" ]; then
  echo "the image has no $name" >&2
  exit 127
fi
: >"$began"
exec "$program" "$@"
