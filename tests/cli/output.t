# label: fast
# Where output goes, and that nothing in a segment can steer a terminal.

$ zeroipc create $S --size 1M
$ zeroipc create $S/a --kind array --type u32 --capacity 100000

# A full disk is told; a reader that has gone is not.
$ zeroipc cat $S/a >/dev/full
!~ zeroipc: cat: cannot write the output.*
? 1
$ zeroipc ls >/dev/full
! zeroipc: ls: cannot write the output: No space left on device
? 1
$ zeroipc --help >/dev/full
! zeroipc: cannot write the output: No space left on device
? 1
$ set -o pipefail; zeroipc cat $S/a | head -n 1
> 0
? 141

# Names: bytes that are no UTF-8, escape sequences, quotes.
$ n=$S-$(printf '\033[1m\377"\\'); cp /dev/shm/$S "/dev/shm/$n"
$ zeroipc ls | grep -o "$S-.*" | sed 's/  .*//'
> zt-0000000-t-\u001b[1m�"\
$ zeroipc ls --json | jq -r --arg s "$S-" '.[].name | select(startswith($s)) | tojson'
> "zt-0000000-t-\u001b[1m�\"\\"
$ zeroipc ls "$S-$(printf '\033[2J')"
! zeroipc: ls: zt-0000000-t-\u001b[2J: no such segment; `zeroipc ls` lists what there is
? 1
$ zeroipc create "$S/$(printf '\302\233\342\200\256')x" --kind array --type u8 --capacity 1
$ zeroipc ls $S | tail -n 1 | tr -s ' '
> \u009b\u202ex array 1 1 256 u8

# On a terminal: a bold head unless NO_COLOR or a dumb one, and indices.
$ zeroipc set "$S/a[99999]" 4711
$ TERM=xterm script -qec 'zeroipc ls $S | cat; zeroipc ls $S' /dev/null | sed 's/\x1b/ESC/g; s/\r//' | grep KIND
> STRUCTURE      KIND   ELEMENTS  CAPACITY  MEMORY  TYPE
> ESC[1mSTRUCTURE      KIND   ELEMENTS  CAPACITY  MEMORY  TYPEESC[0m
$ NO_COLOR=1 TERM=xterm script -qec 'zeroipc ls $S' /dev/null | sed 's/\x1b/ESC/g; s/\r//' | grep KIND
> STRUCTURE      KIND   ELEMENTS  CAPACITY  MEMORY  TYPE
$ script -qec 'zeroipc cat "$S/a[8:11]"; zeroipc cat "$S/a[-1]"' /dev/null | tr -d '\r'
>  8  0
>  9  0
> 10  0
> 99999  4711
