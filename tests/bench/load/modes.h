/*
 * The ways to load a server; options.h says what each does.
 */
#ifndef MODES_H
#define MODES_H

#include "engine.h"

void mode_echo(Engine *engine); /* and rounds */
void mode_connect(Engine *engine);
void mode_hold(Engine *engine);

#endif
