#include "connection_post.h"
#include "log.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/*
 * The bytes are lost, so the connection must end. Any thread may shut the
 * socket down; then the connection's loop reads end of file, and closes it.
 */
static void give_up(const Connection *connection)
{
    log_error("send");
    shutdown(connection->channel.fd, SHUT_RDWR);
}

void connection_post(Connection *connection, void (*run)(void *post),
                     const void *data, size_t size)
{
    EventLoop *loop = connection->group->loop;
    Post *post = malloc(sizeof(*post) + size);

    if (post == NULL) {
        give_up(connection);
        return;
    }
    post->task = (Task){.run = run, .context = post, .size = size};
    post->connection = connection;
    post->from_own_thread = event_loop_is_here(loop);
    post->size = size;
    if (size > 0)
        memcpy(post->data, data, size);
    if (post->from_own_thread)
        connection->posts++;
    event_loop_queue_in_loop(loop, &post->task);
}

void connection_post_free(Post *post)
{
    if (post->from_own_thread)
        post->connection->posts--;
    free(post);
}
