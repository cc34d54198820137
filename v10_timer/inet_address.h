/*
 * InetAddress: where a socket is or leads to, an IPv4 or IPv6 address and a
 * port. A value, copied freely; any thread may use its own.
 */
#ifndef INET_ADDRESS_H
#define INET_ADDRESS_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

typedef union InetAddress {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} InetAddress;

/* Room for the longest text: brackets, an IPv6 address, colon, port. */
enum { INET_ADDRESS_TEXT = INET6_ADDRSTRLEN + sizeof("[]:65535") };

/*
 * Reads a numeric address, IPv4 or IPv6; the port is left at 0. Returns 0,
 * or -1 when text is not one.
 */
int inet_address_parse(InetAddress *address, const char *text);

void inet_address_set_port(InetAddress *address, uint16_t port);

/* How many bytes of it bind(2) wants. */
socklen_t inet_address_size(const InetAddress *address);

/* Writes 127.0.0.1:8000 or [::1]:8000 to text, and returns text. */
const char *inet_address_format(const InetAddress *address,
                                char text[static INET_ADDRESS_TEXT]);

#endif
