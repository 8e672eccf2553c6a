#include "list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct item {
    int number;
    struct list_node node;
};

static struct item items[6];

static int reset(void **state)
{
    (void) state;
    for (int i = 0; i < 6; i++)
        items[i] = (struct item){ .number = i };
    return 0;
}

/* The list forwards, checked against its links backwards and its count: "024" as the number 24. */
static int digits(const struct list *list)
{
    int forwards = 0;
    size_t count = 0;
    const struct list_node *before = NULL;
    for (struct list_node *node = list->first; node; node = node->next) {
        assert_ptr_equal(node->prev, before);
        forwards = forwards * 10 + list_entry(node, struct item, node)->number;
        before = node;
        count++;
    }
    assert_ptr_equal(list->last, before);
    assert_int_equal(list->count, count);
    return forwards;
}

static void fill(struct list *list, int from, int to)
{
    for (int i = from; i <= to; i++)
        list_append(list, &items[i].node);
}

static void elements_stand_in_the_order_they_were_appended(void **state)
{
    (void) state;
    struct list list = { 0 };
    assert_int_equal(digits(&list), 0);
    fill(&list, 1, 4);
    assert_int_equal(digits(&list), 1234);
}

static void an_element_is_removed_wherever_it_stands(void **state)
{
    (void) state;
    struct list list = { 0 };
    fill(&list, 1, 5);
    list_remove(&list, &items[3].node);
    assert_int_equal(digits(&list), 1245);
    list_remove(&list, &items[1].node);
    assert_int_equal(digits(&list), 245);
    list_remove(&list, &items[5].node);
    assert_int_equal(digits(&list), 24);
    list_remove(&list, &items[2].node);
    list_remove(&list, &items[4].node);
    assert_int_equal(digits(&list), 0);
    assert_null(list.first);
    fill(&list, 1, 1);
    assert_int_equal(digits(&list), 1);
}

static void removing_what_is_in_no_list_changes_nothing(void **state)
{
    (void) state;
    struct list list = { 0 };
    list_remove(&list, &items[1].node);
    assert_int_equal(digits(&list), 0);
    fill(&list, 1, 2);
    list_remove(&list, &items[3].node);
    list_remove(&list, &items[2].node);
    list_remove(&list, &items[2].node);
    assert_int_equal(digits(&list), 1);
}

static void the_first_is_taken_until_there_is_none(void **state)
{
    (void) state;
    struct list list = { 0 };
    fill(&list, 1, 2);
    assert_ptr_equal(list_take_first(&list), &items[1].node);
    assert_null(items[1].node.next);
    assert_ptr_equal(list_take_first(&list), &items[2].node);
    assert_null(list_take_first(&list));
    assert_int_equal(digits(&list), 0);
}

static void a_whole_list_moves_behind_another(void **state)
{
    (void) state;
    struct list list = { 0 }, from = { 0 };
    fill(&list, 1, 2);
    list_append_all(&list, &from);
    assert_int_equal(digits(&list), 12);
    fill(&from, 3, 4);
    list_append_all(&list, &from);
    assert_int_equal(digits(&list), 1234);
    assert_int_equal(digits(&from), 0);
    list_append_all(&from, &list);
    assert_int_equal(digits(&from), 1234);
    assert_int_equal(digits(&list), 0);
    list_remove(&from, &items[3].node);
    assert_int_equal(digits(&from), 124);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(elements_stand_in_the_order_they_were_appended, reset),
        cmocka_unit_test_setup(an_element_is_removed_wherever_it_stands, reset),
        cmocka_unit_test_setup(removing_what_is_in_no_list_changes_nothing, reset),
        cmocka_unit_test_setup(the_first_is_taken_until_there_is_none, reset),
        cmocka_unit_test_setup(a_whole_list_moves_behind_another, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
