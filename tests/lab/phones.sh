#!/bin/sh
# Two phones, 1000 and 1001: they register every ten minutes, ring for two seconds, and answer.
set -eu
password=$1
here=127.0.0.1

register() {
    for number in 1000 1001; do
        sipp -sf /lab/sipp/register.xml $here:5060 -s $number -au $number -ap "$password" \
            -key phone $here:5071 -key domain $here -i $here -m 1 -nostdin > /dev/null ||
            echo "phone $number could not register"
    done
}

(while :; do register; sleep 600; done) &
echo "phones 1000 and 1001 are there"
exec sipp -sf /lab/sipp/phone.xml -i $here -p 5071 -mp 10000 -rtp_echo -nostdin > /dev/null
