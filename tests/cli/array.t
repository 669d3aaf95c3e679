# label: fast
# Arrays: set one element, look at slices.

$ zeroipc create $S --size 1M
$ zeroipc create $S/a --kind array --type u8 --capacity 5
$ for i in 0 1 2 3 4; do zeroipc set "$S/a[$i]" 10$i; done
$ zeroipc cat $S/a | paste -sd' '
> 100 101 102 103 104
$ for s in '[1:3]' '[:2]' '[3:]' '[-2:]' '[:-3]' '[:]' '[2]' '[-5]' '[-9:2]' '[4:99]' '[3:1]'; do echo "$s" $(zeroipc cat "/$S/a$s"); done
> [1:3] 101 102
> [:2] 100 101
> [3:] 103 104
> [-2:] 103 104
> [:-3] 100 101
> [:] 100 101 102 103 104
> [2] 102
> [-5] 100
> [-9:2] 100 101
> [4:99] 104
> [3:1]
$ zeroipc cat "$S/a[5]"
! zeroipc: cat: zt-0000000-t/a has 5 elements: there is no [5]
? 1
$ zeroipc cat "$S/a[-6]"
! zeroipc: cat: zt-0000000-t/a has 5 elements: there is no [-6]
? 1
$ zeroipc set "$S/a[-1]" 7
$ zeroipc cat "$S/a[4]"
> 7
$ zeroipc set "$S/a[5]" 7
! zeroipc: set: zt-0000000-t/a has 5 elements: there is no [5]
? 1
$ zeroipc set "$S/a[0]" 256
!~ zeroipc: set: .*256.*
? 1
$ zeroipc create $S/t --kind array --type i64 --capacity 1
$ zeroipc set "$S/t[0]" -9223372036854775808
$ zeroipc cat --json "$S/t"
> [
>   -9223372036854775808
> ]

# A name that ends in brackets is reached by one more pair.
$ zeroipc create "$S/t[0]" --kind array --type u8 --capacity 1 2>&1 | head -n 1
> zeroipc: create: `zt-0000000-t/t[0]`: a slice has no meaning here

# Many elements arrive, whole and in order.
$ zeroipc create $S/many --kind array --type u32 --capacity 200000
$ zeroipc set "$S/many[199999]" 4711
$ zeroipc cat $S/many | wc -l
> 200000
$ zeroipc cat "$S/many[-1:]"
> 4711
