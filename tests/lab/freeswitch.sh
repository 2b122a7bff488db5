#!/bin/sh
# FreeSWITCH for the lab: the example configuration that its image has in /etc/freeswitch, with
# fsapp's dialplan/ and conf/, on loopback alone. With SUITE set, what the acceptance suite needs too.
#
#   freeswitch.sh PASSWORD-OF-THE-EVENT-SOCKET PASSWORD-OF-THE-PHONES
set -eu
event_socket=$1 phones=$2
conf=${CONF:-/etc/freeswitch}
ours=${OURS:-/fsapp}
suite=$ours/tests/acceptance/switches/freeswitch_conf

set_variables() {
    sed -i "s/default_password=1234/default_password=$phones/" "$conf/vars.xml"
    # No STUN: nobody outside is asked where we are.
    sed -i 's/cmd="stun-set" data="\(external_[a-z]*_ip\)=[^"]*"/cmd="set" data="\1=127.0.0.1"/' "$conf/vars.xml"
    sed -i "s|^<include>|<include>\n<X-PRE-PROCESS cmd=\"set\" data=\"local_ip_v4=127.0.0.1\"/>|" "$conf/vars.xml"
    rm -f "$conf"/sip_profiles/*-ipv6.xml
}

include_fsapp() {
    cp "$ours"/dialplan/*.xml "$conf/dialplan/public/"
    cp "$ours"/dialplan/*.xml "$conf/dialplan/default/"
    sed "s/\"ClueCon\"/\"$event_socket\"/" "$ours/conf/event_socket.conf.xml" \
        > "$conf/autoload_configs/event_socket.conf.xml"
}

# The suite's callers and phones, beside the example's own (tests/acceptance/switches/running.py).
include_suite() {
    sed -i "s|^<include>|<include>\n<X-PRE-PROCESS cmd=\"set\" data=\"sip_port=5090\"/>\n<X-PRE-PROCESS cmd=\"set\" data=\"sip_trace=no\"/>\n<X-PRE-PROCESS cmd=\"set\" data=\"rtp_timer=soft\"/>|" "$conf/vars.xml"
    cp "$suite/profile.xml" "$conf/sip_profiles/suite.xml"
    cp "$suite/caller_variables.xml" "$conf/dialplan/public/00_suite.xml"
    cp "$suite/phones.xml" "$conf/dialplan/default/00_suite.xml"
    {
        echo "<include>"
        for number in $(seq 1101 1149); do
            echo "<user id=\"$number\"><params><param name=\"dial-string\" value=\"\${phone_$number}\"/></params></user>"
        done
        echo "</include>"
    } > "$conf/directory/default/00_suite.xml"
}

if [ ! -e "$conf/.lab" ]; then
    set_variables
    include_fsapp
    if [ -n "${SUITE:-}" ]; then include_suite; fi
    touch "$conf/.lab"
fi
exec freeswitch -nonat -nf -c
