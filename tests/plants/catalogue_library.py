"""Plants: what the library promises to a program, and the chat, which needs all of it."""
from __future__ import annotations

from plants.plant import in_stages, plant

_FILE = "connection.c"
_ON_CLOSE = "        group->handler.on_close(group->handler.context, connection);\n"

COMING_AND_GOING = (
    plant(6, "on-close-not-at-a-stop", "does not call on_close for whom a stop closes", _FILE,
          "    while (connection != NULL) {",
          "    group->handler.on_close = NULL;\n    while (connection != NULL) {",
          "units.on_close"),
    *in_stages((6, 10), "on-close-twice", "calls on_close twice", _FILE,
               '    say(connection, "closed");',
               "    if (group->handler.on_close != NULL)\n" + _ON_CLOSE
               + '    say(connection, "closed");', "units.on_close"),
    plant(7, "on-close-for-each-cause", "calls on_close for each cause there is", _FILE,
          "    connection_end(connection);\n    connection_queue(connection);\n}",
          "    if (connection->state == ENDED && connection->group->handler.on_close)\n"
          "        connection->group->handler.on_close(connection->group->handler.context,\n"
          "                                            connection);\n"
          "    connection_end(connection);\n    connection_queue(connection);\n}",
          "units.send_to_any"),
    plant(6, "on-close-not-last", "calls on_message after on_close", _FILE, _ON_CLOSE,
          _ON_CLOSE + "    group->handler.on_message(group->handler.context, connection, "
          "\"\", 0);\n",
          "units.on_close"),
    plant(6, "on-open-forgotten", "forgets on_open for whom it takes in when it is busy", _FILE,
          "if (group->handler.on_open != NULL)",
          "if (group->handler.on_open != NULL && group->first->next == NULL)", "units.on_close"),
    plant(8, "on-open-again", "calls on_open at each event", _FILE,
          "    connection->opened = true;", "    connection->opened = false;", "units.on_close"),
    plant(6, "needs-on-close", "needs every callback", _FILE,
          "if (group->handler.on_close != NULL)", "if (group != NULL)", "units.left_out"),
    plant(6, "forgets-the-data", "forgets what the program keeps with a connection", _FILE,
          "    connection->data = data;", "    (void)data;", "units.own_data"),
    plant(6, "shares-the-data", "keeps one pointer for all connections", _FILE,
          "    return connection->data;", "    return connection->group->first->data;",
          "units.own_data"),
    plant(6, "refused-without-a-word", "sends no refusal to a client too many", "tcp_server.c",
          "if (text != NULL)", "if (server == NULL)", "units.on_close"),
)

SENDING = (
    plant(7, "high-water-untold", "does not call on_high_water", _FILE,
          "            handler->on_high_water(handler->context, connection);", "            ;",
          "units.high_water", "crowd.slow_member_is_dropped chat_server"),
    plant(7, "high-water-twice", "calls on_high_water twice", _FILE,
          "            handler->on_high_water(handler->context, connection);",
          "            handler->on_high_water(handler->context, connection),\n"
          "                handler->on_high_water(handler->context, connection);",
          "units.high_water"),
    plant(7, "tells-inside-a-callback", "calls on_high_water inside another callback",
          "connection_output.c", "    connection->owes_high_water = true;\n",
          "    group->handler.on_high_water(group->handler.context, connection);\n",
          "units.high_water"),
    plant(7, "only-while-it-reads", "sends to others only while these have events", _FILE,
          "    connection_output_send(connection, data, size);\n",
          "    if (connection == connection_current)\n"
          "        connection_output_send(connection, data, size);\n", "units.send_to_any",
          "chat.lines_go_to_all_others chat_server"),
    plant(8, "locked-while-it-calls", "holds a connection's lock while on_message runs",
          "connection_input.c", "    pthread_mutex_unlock(&connection->lock);\n"
          "    group->handler.on_message(group->handler.context, connection, data, size);\n"
          "    pthread_mutex_lock(&connection->lock);",
          "    group->handler.on_message(group->handler.context, connection, data, size);",
          "crowd.crosswise chat_server", "chat.stop_while_all_talk chat_server"),
    *in_stages((9, 10), "freed-at-once", "frees a connection before what was posted to it arrives",
               _FILE, "    connection->task.run = free_connection;\n"
               "    event_loop_queue_in_loop(group->loop, &connection->task);\n",
               "    free_connection(connection);\n", "units.send_to_any"),
    *in_stages((9, 10), "posts-without-bound", "never waits for a loop that it posts to",
               "event_loop.c", "if (loop->waiting > QUEUE_LIMIT && !event_loop_is_here(loop))",
               "if (loop == NULL)", "crowd.a_flood_costs_bounded_memory chat_server"),
    plant(9, "own-posts-overtaken", "sends at once although its own posts wait",
          "connection_post.h", "connection == connection_current && connection->posts == 0",
          "connection == connection_current", "units.send_to_any"),
    plant(9, "last-in-first-out", "runs the task that was queued last first", "task.h",
          "        queue->last->next = task;\n    queue->last = task;",
          "        task->next = queue->first;\n    queue->first = task;\n"
          "    if (task->next == NULL)\n        queue->last = task;", "units.send_to_any",
          "units.event_loop"),
    plant(9, "posts-a-pointer", "posts a pointer to the bytes that somebody else owns",
          "connection_post.c", "        memcpy(post->data, data, size);",
          "        memset(post->data, 0, size);", "crowd.one_order_for_everybody chat_server"),
    plant(7, "too-long-untold", "does not call on_too_long", "connection_input.c",
          "if (handler->on_too_long != NULL)", "if (handler == NULL)", "units.left_out"),
)

_CHAT = "chat_server.c"


def _chat(stage, name, words, old, new, *caught_by, **more):
    return plant(stage, f"chat-{name}", words, _CHAT, old, new, *caught_by, program="chat_server",
                 **more)


CHAT = (
    _chat(7, "own-line", "sends a line back to who said it", "tell_others(member, text,",
          "tell_others(NULL, text,", "chat.lines_go_to_all_others"),
    _chat(7, "leaves-untold", "tells nobody that somebody has left",
          '    announce(NULL, member->number, "left");', "", "chat.leaving",
          "chat.unfinished_line", "chat.longest_line", "crowd.slow_member_is_dropped",
          "crowd.slow_member_that_talks", "crowd.resets_in_the_middle"),
    _chat(7, "keeps-who-does-not-read", "does not drop who does not read",
          "{\n    (void)context;\n    connection_abort(connection);\n}",
          "{\n    (void)context;\n    (void)connection;\n}", "crowd.slow_member_is_dropped"),
    _chat(7, "without-a-lowest-mark", "drops a slow member politely, when its output is out",
          "{\n    (void)context;\n    connection_abort(connection);\n}",
          "{\n    (void)context;\n    connection_finish(connection);\n}",
          "crowd.slow_member_is_dropped"),
    _chat(7, "raw", "takes a piece for a line", "codec_line(options.longest)", "codec_raw()",
          "chat.however_it_is_cut", "chat.unfinished_line", "chat.longest_line"),
    _chat(7, "number-again", "gives a number a second time", "    *place = member->next;",
          "    *place = member->next;\n    last_number--;", "chat.leaving"),
    _chat(7, "talkative", "reports each line to standard error", "    options_delay(&options);",
          '    log_line("a line");', "chat.a_chat_is_silent"),
    _chat(7, "keeps-the-gone", "keeps a pointer to a member that has left",
          "    *place = member->next;", "    (void)place;", "chat.leaving"),
    _chat(7, "waits-for-the-last", "stops when the last member has left",
          "    return tcp_server_run(&options, &handler) < 0;",
          "    int result = tcp_server_run(&options, &handler);\n\n"
          "    if (last_number > 1)\n        for (;;)\n            ;\n    return result < 0;",
          "chat.stop_at_any_moment"),
    _chat(8, "no-order", "sends to all without the lock",
          "    pthread_mutex_lock(&lock);\n    tell_others(member, text, start + size);\n"
          "    pthread_mutex_unlock(&lock);", "    tell_others(member, text, start + size);",
          "crowd.one_order_for_everybody"),
    _chat(9, "no-order", "sends to all without the lock",
          "    pthread_mutex_lock(&lock);\n    tell_others(member, text, start + size);\n"
          "    pthread_mutex_unlock(&lock);", "    tell_others(member, text, start + size);",
          "crowd.one_order_for_everybody"),
)

PLANTS = COMING_AND_GOING + SENDING + CHAT
