/*
 * The ways to load a server; options.h says what each does.
 */
#ifndef MODES_H
#define MODES_H

#include "engine.h"

void mode_echo(Engine *engine); /* and rounds */
void mode_connect(Engine *engine);
void mode_hold(Engine *engine);
void mode_chat(Engine *engine, void (*report)(const Engine *engine));

/* Says a word on standard output. */
void modes_answer(const char *word);

/*
 * Waits for a line on standard input, which must be this word and a number.
 * Returns the number, or 0 at the end of the input.
 */
long modes_ask(const char *word);

#endif
