# label: fast
# Listing, also of what is damaged, foreign or forbidden.

$ zeroipc create $S --size 64K --mode 0644
$ zeroipc create $S/cells --kind array --type u8 --capacity 5
$ zeroipc create $S/jobs --kind queue --type u8 --capacity 5 --max-writers 1
$ zeroipc ls | grep -E "SEGMENT|$S" | tr -s ' '
>~ SEGMENT SIZE USED MEMORY STRUCTURES PROCESSES MODE OWNER( NOTE)?
>~ zt-0000000-t 64K 25K 28K 2 0 0644 [a-z0-9]+
$ zeroipc ls --json | jq -c --arg s $S '.[] | select(.name == $s) | [.size_bytes, .mode, .unlinked, .entries, .max_entries, .participants]'
> [65536,"0644",false,2,256,0]
$ zeroipc ls --json $S | jq -c '.[] | [.name, .kind, .type, .size, .capacity]'
> ["cells","array","u8",5,5]
> ["jobs","queue","u8",0,5]
$ zeroipc ls /$S/
> STRUCTURE  KIND   ELEMENTS  CAPACITY  MEMORY  TYPE
> cells      array         5         5     256  u8
>~ jobs       queue         0         5     [0-9]{3}  u8

# An empty segment has nothing to list.
$ zeroipc create $S-empty --size 64K
$ zeroipc ls $S-empty
$ zeroipc ls --json $S-empty
> []

$ zeroipc ls $S-none
! zeroipc: ls: zt-0000000-t-none: no such segment; `zeroipc ls` lists what there is
? 1
$ zeroipc ls ..
!~ zeroipc: ls: \.\.: .*
? 1

# Another version, a damaged head, a foreign file: the others stay visible.
$ cp /dev/shm/$S /dev/shm/$S-v4; printf '\004' | dd of=/dev/shm/$S-v4 bs=1 seek=4 conv=notrunc status=none
$ cp /dev/shm/$S /dev/shm/$S-hurt; printf '\377' | dd of=/dev/shm/$S-hurt bs=1 seek=20 conv=notrunc status=none
$ echo 'not a segment' >/dev/shm/$S-foreign
$ mkfifo /dev/shm/$S-fifo
$ zeroipc ls | grep "$S" | tr -s ' '
>~ zt-0000000-t 64K 25K 28K 2 0 0644 [a-z0-9]+
>~ zt-0000000-t-empty 64K 24K 28K 0 0 0600 [a-z0-9]+
>~ zt-0000000-t-hurt 64K - [0-9]+K - - 06[0-9]{2} [a-z0-9]+ segment `/zt-0000000-t-hurt` is damaged or by another build: .*
>~ zt-0000000-t-v4 64K - [0-9]+K - - 06[0-9]{2} [a-z0-9]+ segment `/zt-0000000-t-v4` has format version 4, this program reads version 3
$ zeroipc ls -a | grep "$S-f" | tr -s ' '
>~ zt-0000000-t-foreign 14 - 4K - - 06[0-9]{2} [a-z0-9]+ `/zt-0000000-t-foreign` is not a ZeroIPC segment: it is too short
$ zeroipc ls --json | jq -c --arg s $S '.[] | select(.name | startswith($s)) | [.name, .error]'
> ["zt-0000000-t",null]
> ["zt-0000000-t-empty",null]
> ["zt-0000000-t-hurt","EBADMSG"]
> ["zt-0000000-t-v4","EPROTONOSUPPORT"]
$ zeroipc ls $S-v4
! zeroipc: ls: zt-0000000-t-v4: segment `/zt-0000000-t-v4` has format version 4, this program reads version 3
? 1

# One damaged entry: the first one's block is said to be beyond the file.
$ cp /dev/shm/$S /dev/shm/$S-one; printf '\220\005' | dd of=/dev/shm/$S-one bs=1 seek=96 conv=notrunc status=none
$ zeroipc ls $S-one
> STRUCTURE  KIND   ELEMENTS  CAPACITY  MEMORY  TYPE
>~ jobs       queue         0         5     [0-9]{3}  u8
! zeroipc: ls: `cells` in segment `/zt-0000000-t-one` is damaged: its block begins at byte 91136, beyond the file's 65536
? 1
$ zeroipc ls --json $S-one | jq -c '.[] | [.name, .error]'
> [null,"EBADMSG"]
> ["jobs",null]
! zeroipc: ls: `cells` in segment `/zt-0000000-t-one` is damaged: its block begins at byte 91136, beyond the file's 65536
$ zeroipc cat $S-one/cells
! zeroipc: cat: zt-0000000-t-one/cells: `cells` in segment `/zt-0000000-t-one` is damaged: its block begins at byte 91136, beyond the file's 65536
? 1
$ zeroipc cat $S-one/jobs

# A kind of structure that is to come.
$ at=$(zeroipc stat --json $S/cells | jq .offset_bytes); cp /dev/shm/$S /dev/shm/$S-kind; printf '\115' | dd of=/dev/shm/$S-kind bs=1 seek=$at conv=notrunc status=none
$ zeroipc ls $S-kind
> STRUCTURE  KIND     ELEMENTS  CAPACITY  MEMORY  TYPE
> cells      kind 77         0         5     256  u8
>~ jobs       queue           0         5     [0-9]{3}  u8
$ zeroipc cat $S-kind/cells
! zeroipc: cat: zt-0000000-t-kind/cells is of kind 77, which this program does not know
? 1

# rm takes what is a segment, also a damaged one, and nothing else.
$ zeroipc rm $S-v4 $S-hurt $S-none $S-foreign
! zeroipc: rm: zt-0000000-t-none: no such segment; `zeroipc ls` lists what there is
!~ zeroipc: rm: zt-0000000-t-foreign: `/zt-0000000-t-foreign` is not a ZeroIPC segment.*
? 1
$ zeroipc rm -f $S-none; ls /dev/shm | grep "^$S"
> zt-0000000-t
> zt-0000000-t-empty
> zt-0000000-t-fifo
> zt-0000000-t-foreign
> zt-0000000-t-kind
> zt-0000000-t-one
