#pragma once

#include <stdbool.h>
#include <stddef.h>

/* A doubly linked list through nodes embedded in the elements. The list owns nothing. A node that
 * is in no list is zeroed, so list_remove may be called for any node. */
struct list_node {
    struct list_node *next, *prev;
};

struct list {
    struct list_node *first, *last;
    size_t count;
};

#define list_entry(node, type, member) ((type *) (void *) ((char *) (node) -offsetof(type, member)))

static inline void list_append(struct list *list, struct list_node *node)
{
    node->next = NULL;
    node->prev = list->last;
    if (list->last)
        list->last->next = node;
    else
        list->first = node;
    list->last = node;
    list->count++;
}

static inline void list_remove(struct list *list, struct list_node *node)
{
    if (!node->next && !node->prev && list->first != node)
        return;
    if (node->prev)
        node->prev->next = node->next;
    else
        list->first = node->next;
    if (node->next)
        node->next->prev = node->prev;
    else
        list->last = node->prev;
    node->next = node->prev = NULL;
    list->count--;
}

static inline struct list_node *list_take_first(struct list *list)
{
    struct list_node *node = list->first;
    if (node)
        list_remove(list, node);
    return node;
}

/* Moves all of `from` to the end of `list`. */
static inline void list_append_all(struct list *list, struct list *from)
{
    if (!from->first)
        return;
    from->first->prev = list->last;
    if (list->last)
        list->last->next = from->first;
    else
        list->first = from->first;
    list->last = from->last;
    list->count += from->count;
    *from = (struct list){ 0 };
}
