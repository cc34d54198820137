/*
 * InetAddress: one end of a connection, an IPv4 or IPv6 address and a port.
 * A value: copy it freely. Any thread may call these functions on its own.
 */
#ifndef INET_ADDRESS_H
#define INET_ADDRESS_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

/*
 * The kernel takes every kind of address as a struct sockaddr *, and sees by
 * its first member, sa_family, which kind it really is. All three structs
 * begin with the family, so C lets us read it through any of them.
 */
typedef union InetAddress {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} InetAddress;

/* Room for the longest text: brackets, an IPv6 address, a colon, a port. */
enum { INET_ADDRESS_TEXT = INET6_ADDRSTRLEN + sizeof("[]:65535") };

/*
 * Set address from a numeric IPv4 or IPv6 address, with port 0. Return 0, or
 * -1 if text is no such address.
 */
int inet_address_parse(InetAddress *address, const char *text);

void inet_address_set_port(InetAddress *address, uint16_t port);

/* Return the size of the address for bind(2), which differs with its kind. */
socklen_t inet_address_size(const InetAddress *address);

/*
 * Write the address to text as 127.0.0.1:8000 or [::1]:8000. Return text.
 * "static" says: the caller's array has at least so many elements.
 */
const char *inet_address_format(const InetAddress *address,
                                char text[static INET_ADDRESS_TEXT]);

#endif
