/* isolators/user_map.h - which users of the host are which in a user namespace, as the kernel takes it (uid_map).
 *
 * The task's user is himself or root inside. With a range, all other numbers below USER_RANGE_SIZE are there too, and are
 * users of the range outside, number by number.
 */
#ifndef PROFFER_ISOLATORS_USER_MAP_H
#define PROFFER_ISOLATORS_USER_MAP_H

#include <stdint.h>

#define USER_RANGE_SIZE    65536U
#define USER_MAP_TEXT_SIZE 128

/* `base`: the first of the range; 0: there is none. The same for groups. */
void user_map_print(uint32_t inner, uint32_t outer, uint32_t base,
                    char ret_text[USER_MAP_TEXT_SIZE]);

#endif
