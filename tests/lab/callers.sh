#!/bin/sh
# A caller every fifteen seconds, six at most at a time; each hangs up after a minute and a half.
set -eu
echo "callers dial 5100"
exec sipp -sf /lab/sipp/caller.xml 127.0.0.1:5080 -s 5100 -r 1 -rp 15000 -l 6 \
    -i 127.0.0.1 -p 5070 -mp 12000 -rtp_echo -nostdin > /dev/null
