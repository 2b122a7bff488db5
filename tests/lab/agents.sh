#!/bin/sh
# Adds the lab's two agents, or gives them new tokens, and prints these.
set -eu
for agent in anna:Anna:1000 bente:Bente:1001; do
    id=${agent%%:*} phone=${agent##*:} name=${agent#*:}
    name=${name%:*}
    fsapp agent add "$id" --name "$name" --phone "user/$phone" > /dev/null 2>&1 || true
    echo "$name (phone $phone): token $(fsapp agent token "$id")"
done
echo "console: http://127.0.0.1:4242/"
