# label: fast
# All that can be told of a segment, and who has it open.

$ zeroipc create $S --size 64K --mode 0600
$ zeroipc stat $S
> segment      zt-0000000-t
> size         64K (65536 bytes)
>~ used         24K \(24640 bytes\)
>~ memory       28K \(28672 bytes\)
> structures   0 of at most 256
> processes    0 of at most 128
>~ created      20[0-9]{2}-[0-9]{2}-[0-9]{2} [0-9:]{8} \+0000
>~ owner        [a-z0-9]+ \([0-9]+\), group [a-z0-9]+ \([0-9]+\)
> mode         0600
>~ id           [0-9a-f]{16}
>~ inode        [0-9]+
>~ fences       (symmetric|by membarrier)
>
>~ PLACE +PID  PROCESS  USER +SINCE                      STATE
>~     0 +[0-9]+  zeroipc  [a-z0-9]+ +20[-0-9 :]+ \+0000  dead
$ zeroipc stat --json $S | jq -c '[.name, .processes[0].name, .processes[0].alive, .max_participants]'
> ["zt-0000000-t","zeroipc",false,128]

# Its id is the same text everywhere: JSON readers round numbers of 64 bits.
$ zeroipc stat --json $S | jq -r .id
>~ [0-9a-f]{16}
$ [ "$(zeroipc stat --json $S | jq -r .id)" = "$(zeroipc stat $S | sed -n 's/^id *//p')" ]
$ [ "$(zeroipc stat --json $S | jq .id)" = "$(zeroipc ls --json | jq --arg s $S '.[] | select(.name == $s) | .id')" ]

# A process that waits is alive, and stat shows that it sleeps.
$ zeroipc create $S/jobs --kind queue --type u8 --capacity 2
$ zeroipc pop --wait forever $S/jobs & until zeroipc stat --json $S/jobs | jq -e .readers_asleep >/dev/null; do :; done; zeroipc stat --json $S | jq -c '[.participants, (.processes[] | select(.alive) | .name)]'; zeroipc stat $S/jobs | grep asleep; zeroipc push $S/jobs 9; wait
> [1,"zeroipc"]
> asleep       maybe readers
> 9
$ zeroipc stat $S/none
! zeroipc: stat: zt-0000000-t/none: no such structure; `zeroipc ls zt-0000000-t` lists what there is
? 1
