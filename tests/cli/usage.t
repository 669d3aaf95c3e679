# label: fast
# Help, versions, and what is said of a call that is wrong.

$ zeroipc
! usage: zeroipc COMMAND [ARGUMENT]...
! Look into shared-memory segments of ZeroIPC, and work on them.
!
!   ls       List the segments, or the structures of one
!   cat      Show the elements of a structure
!   stat     Tell all about a segment and who has it open, or a structure
!   create   Create a segment, or a structure in one
!   push     Push values into a queue or stack
!   pop      Take elements out of a queue or stack, and print them
!   put      Put a value into a map
!   get      Show the value under a key of a map
!   delete   Delete a key from a map or a set
!   add      Add a key to a set
!   has      Tell whether a key is in a set
!   write    Write records into a ring
!   emit     Emit values into a stream
!   follow   Print a ring's records or a stream's elements, as they come
!   derive   Add a stream that operators compute from another
!   drive    Compute the results of a derived stream
!   set      Set an element of an array, a future or a lazy
!   fail     Settle a future or a lazy as failed
!   force    Compute a lazy, unless it is, and print its value
!   reset    Forget a lazy's value, so that it is computed anew
!   wait     Wait for a semaphore, barrier, latch, event, future or lazy
!   signal   Release a semaphore, count a latch down, set an event
!   send     Send values into a channel, or close it
!   receive  Receive elements from a channel, and print them
!   lock     Run a command while a mutex is held
!   why      Tell who waits for whom, and why nothing goes on
!   rm       Remove segments, structures, or a stream's subscriptions
!   reclaim  Give back what dead processes own in a pool
!   help     Tell about a command, or list all
!
! A SEGMENT is named with or without its leading slash.
! `zeroipc help COMMAND` tells more about one; see zeroipc(1).
? 2

$ zeroipc --version
>~ zeroipc [0-9]+\.[0-9]+\.[0-9]+

$ zeroipc --help | head -n 1
> usage: zeroipc COMMAND [ARGUMENT]...

$ diff <(zeroipc --help) <(zeroipc help)

# Help is the same however it is asked for, and names every option.
$ for c in ls cat stat create push pop set rm put get delete add has fail force reset wait signal lock why; do diff <(zeroipc help $c) <(zeroipc $c --help) || exit; done
$ for c in ls cat stat create push pop set rm put get delete add has fail force reset wait signal lock why help; do zeroipc help $c | head -n 1; done
> usage: zeroipc ls [-a] [--json] [SEGMENT]
> usage: zeroipc cat [--json] SEGMENT/STRUCTURE[SLICE]
> usage: zeroipc stat [--json] SEGMENT[/STRUCTURE]
> usage: zeroipc create SEGMENT --size SIZE [--mode MODE]
> usage: zeroipc push [--wait SECONDS|forever] SEGMENT/NAME [VALUE]...
> usage: zeroipc pop [--json] [-n N] [--wait SECONDS|forever] SEGMENT/NAME
> usage: zeroipc set SEGMENT/ARRAY[i] VALUE
> usage: zeroipc rm [-f] SEGMENT[/STRUCTURE[/SUBSCRIPTION]]...
> usage: zeroipc put SEGMENT/MAP KEY VALUE
> usage: zeroipc get SEGMENT/MAP KEY
> usage: zeroipc delete SEGMENT/MAP|SET KEY
> usage: zeroipc add SEGMENT/SET KEY
> usage: zeroipc has SEGMENT/SET KEY
> usage: zeroipc fail SEGMENT/FUTURE CODE [MESSAGE]
> usage: zeroipc force [--wait SECONDS|forever] SEGMENT/LAZY
> usage: zeroipc reset SEGMENT/LAZY
> usage: zeroipc wait [--wait SECONDS|forever] SEGMENT/STRUCTURE [COMMAND [ARGUMENT]...]
> usage: zeroipc signal [-n N] [--reset] SEGMENT/STRUCTURE
> usage: zeroipc lock [--reset] [--wait SECONDS|forever] SEGMENT/MUTEX COMMAND...
> usage: zeroipc why [--json] SEGMENT
> usage: zeroipc help [COMMAND]

$ zeroipc list
! zeroipc: no command `list`; `zeroipc help` lists them
? 2
$ zeroipc help list
! zeroipc: help: no command `list`; `zeroipc help` lists them
? 2
$ zeroipc --verbose ls
! zeroipc: no option `--verbose`
! usage: zeroipc COMMAND [ARGUMENT]...
? 2
$ zeroipc ls --long
! zeroipc: ls: no option `--long`
! usage: zeroipc ls [-a] [--json] [SEGMENT]
? 2
$ zeroipc ls --json -xa
! zeroipc: ls: no option `-x`
! usage: zeroipc ls [-a] [--json] [SEGMENT]
? 2
$ zeroipc pop -n
! zeroipc: pop: `-n` needs a value
! usage: zeroipc pop [--json] [-n N] [--wait SECONDS|forever] SEGMENT/NAME
? 2
$ zeroipc cat
! zeroipc: cat: name a structure, as SEGMENT/STRUCTURE
! usage: zeroipc cat [--json] SEGMENT/STRUCTURE[SLICE]
? 2
$ zeroipc cat a/b c/d
! zeroipc: cat: name one structure, as SEGMENT/STRUCTURE: `c/d` is too much
! usage: zeroipc cat [--json] SEGMENT/STRUCTURE[SLICE]
? 2
$ zeroipc cat a
! zeroipc: cat: `a` names no structure: `zeroipc ls a` lists what there is
! usage: zeroipc cat [--json] SEGMENT/STRUCTURE[SLICE]
? 2
$ zeroipc cat 'a/b[x]'
! zeroipc: cat: `[x]` is no slice: write [i], [i:j], [:j] or [i:]; negative numbers count from the end
! usage: zeroipc cat [--json] SEGMENT/STRUCTURE[SLICE]
? 2
$ for s in '[]' '[1:2:3]' '[--1]' '[1-]' '[99999999999999999999]'; do zeroipc cat "a/b$s" 2>&1 | head -n 1; done
> zeroipc: cat: `[]` is no slice: write [i], [i:j], [:j] or [i:]; negative numbers count from the end
> zeroipc: cat: `[1:2:3]` is no slice: write [i], [i:j], [:j] or [i:]; negative numbers count from the end
> zeroipc: cat: `[--1]` is no slice: write [i], [i:j], [:j] or [i:]; negative numbers count from the end
> zeroipc: cat: `[1-]` is no slice: write [i], [i:j], [:j] or [i:]; negative numbers count from the end
> zeroipc: cat: `[99999999999999999999]` is no slice: write [i], [i:j], [:j] or [i:]; negative numbers count from the end
$ zeroipc ls a/b
! zeroipc: ls: `a/b` names a structure: `zeroipc stat` tells about one, `zeroipc cat` shows what is in it
! usage: zeroipc ls [-a] [--json] [SEGMENT]
? 2
$ zeroipc stat 'a/b[1]'
! zeroipc: stat: `a/b[1]`: a slice has no meaning here
! usage: zeroipc stat [--json] SEGMENT[/STRUCTURE]
? 2
$ zeroipc pop a/b --wait soon
! zeroipc: pop: --wait is seconds or `forever`, not `soon`
! usage: zeroipc pop [--json] [-n N] [--wait SECONDS|forever] SEGMENT/NAME
? 2
$ zeroipc pop a/b -n 0
! zeroipc: pop: -n is how many, at least 1, not `0`
! usage: zeroipc pop [--json] [-n N] [--wait SECONDS|forever] SEGMENT/NAME
? 2
$ zeroipc rm
! zeroipc: rm: name the segments or structures to remove
! usage: zeroipc rm [-f] SEGMENT[/STRUCTURE[/SUBSCRIPTION]]...
? 2
$ zeroipc rm a b/c[1]
! zeroipc: rm: `b/c[1]`: a slice has no meaning here
! usage: zeroipc rm [-f] SEGMENT[/STRUCTURE[/SUBSCRIPTION]]...
? 2
$ zeroipc set 'a/b[1:]' 3
! zeroipc: set: `a/b[1:]` is no element: write SEGMENT/ARRAY[i]
! usage: zeroipc set SEGMENT/ARRAY[i] VALUE
!        zeroipc set SEGMENT/FUTURE VALUE
!        zeroipc set SEGMENT/LAZY VALUE
? 2
