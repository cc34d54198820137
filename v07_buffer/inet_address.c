#include "inet_address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

int inet_address_parse(InetAddress *address, const char *text)
{
    memset(address, 0, sizeof(*address));
    if (inet_pton(AF_INET, text, &address->v4.sin_addr) == 1) {
        address->v4.sin_family = AF_INET;
        return 0;
    }
    if (inet_pton(AF_INET6, text, &address->v6.sin6_addr) == 1) {
        address->v6.sin6_family = AF_INET6;
        return 0;
    }
    return -1;
}

/* htons converts to network byte order, most significant byte first. */
void inet_address_set_port(InetAddress *address, uint16_t port)
{
    if (address->any.sa_family == AF_INET6)
        address->v6.sin6_port = htons(port);
    else
        address->v4.sin_port = htons(port);
}

socklen_t inet_address_size(const InetAddress *address)
{
    if (address->any.sa_family == AF_INET6)
        return sizeof(address->v6);
    return sizeof(address->v4);
}

const char *inet_address_format(const InetAddress *address,
                                char text[static INET_ADDRESS_TEXT])
{
    char host[INET6_ADDRSTRLEN] = "?";

    if (address->any.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &address->v6.sin6_addr, host, sizeof(host));
        snprintf(text, INET_ADDRESS_TEXT, "[%s]:%d", host,
                 ntohs(address->v6.sin6_port));
    } else {
        inet_ntop(AF_INET, &address->v4.sin_addr, host, sizeof(host));
        snprintf(text, INET_ADDRESS_TEXT, "%s:%d", host,
                 ntohs(address->v4.sin_port));
    }
    return text;
}
