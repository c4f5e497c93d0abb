vcl 4.1;

# Varnish before boxoffice, behind whatever speaks TLS:
#     varnishd -a 127.0.0.1:6081 -f varnish.vcl
# It keeps what boxoffice calls public, for so long as it says.

backend boxoffice {
    .host = "127.0.0.1";
    .port = "8080";
}

sub vcl_recv {
    # Live feeds go through.
    if (req.url ~ "^/events/[^/?]+/live") {
        return (pipe);
    }
    # Whoever is signed in is answered by boxoffice.
    if (req.http.Authorization || req.http.Cookie ~ "(^|; *)(__Host-)?session=") {
        return (pass);
    }
    # Other cookies: answers that depend on them say so.
    if (req.method == "GET" || req.method == "HEAD") {
        return (hash);
    }
    return (pass);
}

sub vcl_backend_response {
    # Serve what has just run out while it is fetched anew (stale-while-revalidate).
    if (beresp.http.Cache-Control !~ "stale-while-revalidate") {
        set beresp.grace = 0s;
    }
}
