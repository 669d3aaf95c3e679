# label: fast
# A queue with leases: made, told of, and popped from.

$ zeroipc create $S --size 1M
$ zeroipc create $S/jobs --kind queue --type i32 --capacity 5 --max-writers 2 --max-takers 3
$ zeroipc push $S/jobs 1 2 3
$ zeroipc stat $S/jobs | grep leases
> leases       0 of at most 3
$ zeroipc pop -n 2 $S/jobs
> 1
> 2
$ zeroipc stat --json $S/jobs | jq -c '[.size, .leased, .max_takers, .leases]'
> [1,0,3,[]]

# What was given back (its record is written by hand: nobody holds it, lease 5,
# three attempts, the element 9) comes before what is inside.
$ at=$(($(zeroipc stat --json $S/jobs | jq .offset_bytes) + 128 + 64 + 256 + 2 * 64 + 64)); printf '\26\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0\11\0\0\0' | dd of=/dev/shm/$S bs=1 seek=$((at + 8)) conv=notrunc status=none
$ zeroipc stat $S/jobs | sed -n '/leases/p; /^$/,$p'
> leases       1 of at most 3
>
> PLACE  ELEMENT  ATTEMPT  PID  PROCESS  STATE
>     1        5        3    -  -        free
$ zeroipc stat --json $S/jobs | jq -c '[.size, .leased, .leases]'
> [1,1,[{"place":1,"position":5,"attempt":3,"alive":false,"pid":0,"name":""}]]
$ zeroipc cat $S/jobs
> 3
$ zeroipc pop -n 5 $S/jobs
> 9
> 3
$ zeroipc stat $S/jobs | grep -E 'leases|elements'
> elements     0 of at most 5
> leases       0 of at most 3

$ zeroipc create $S/plain --kind queue --type i32 --capacity 5
$ zeroipc stat $S/plain | grep -c leases
> 0
? 1
$ zeroipc create $S/a --kind array --type i32 --capacity 5 --max-takers 3 2>&1 | head -n 1
> zeroipc: create: --kind array takes no --max-takers
$ zeroipc create $S/b --kind queue --type i32 --capacity 5 --max-takers 1025
! zeroipc: create: zt-0000000-t/b: max_takers is 1025: at most 1024
? 1
$ zeroipc create $S/b --kind queue --type i32 --capacity 5 --max-takers 0 2>&1 | head -n 1
> zeroipc: create: --max-takers is how many leases at a time, at least 1, not `0`
$ zeroipc create $S-none --size 1M --max-takers 3 2>&1 | head -n 1
> zeroipc: create: --max-takers is for a structure: name it, as zt-0000000-t-none/STRUCTURE
