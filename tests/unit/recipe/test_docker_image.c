#include "../test.h"

#include "base/mem.h"
#include "recipe/image.h"

#include <string.h>

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void images_are_read_from_their_uri(void **st)
{
    static const struct {
        const char *uri, *reference;
        enum sedge_registry registry;
        bool latest;
    } rows[] = {
        {"docker:redis", "redis:latest", SEDGE_REGISTRY_HUB, true},
        {"DOCKER:redis:latest", "redis:latest", SEDGE_REGISTRY_HUB, true},
        {"docker:library/redis:7.2-alpine", "library/redis:7.2-alpine", SEDGE_REGISTRY_HUB, false},
        {"docker:docker.io/library/redis", "docker.io/library/redis:latest", SEDGE_REGISTRY_HUB, true},
        {"docker:redis@sha256:" HEX64, "redis@sha256:" HEX64, SEDGE_REGISTRY_HUB, false},
        {"docker:localhost:5000/a/b__c:v1", "localhost:5000/a/b__c:v1", SEDGE_REGISTRY_OTHER, false},
        {"docker:registry.example.com/app", "registry.example.com/app:latest", SEDGE_REGISTRY_OTHER, true},
        {"docker:public.ecr.aws/x/app:1", "public.ecr.aws/x/app:1", SEDGE_REGISTRY_ECR_PUBLIC, false},
        {"docker:012345678901.dkr.ecr.eu-west-1.amazonaws.com/app:1",
         "012345678901.dkr.ecr.eu-west-1.amazonaws.com/app:1", SEDGE_REGISTRY_ECR_PRIVATE, false},
        {"docker:012345678901.dkr.ecr.cn-north-1.amazonaws.com.cn/app:1",
         "012345678901.dkr.ecr.cn-north-1.amazonaws.com.cn/app:1", SEDGE_REGISTRY_ECR_PRIVATE, false},
        {"docker:evil.dkr.ecr.eu-west-1.amazonaws.com/app:1", "evil.dkr.ecr.eu-west-1.amazonaws.com/app:1",
         SEDGE_REGISTRY_OTHER, false},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_image image;
        struct sedge_err err = SEDGE_ERR_INIT;

        if (sedge_image_parse(rows[i].uri, &image, &err) != 0) fail_msg("%s", err.msg);
        assert_string_equal(image.reference, rows[i].reference);
        assert_int_equal(image.registry, rows[i].registry);
        assert_int_equal(image.latest, rows[i].latest);
        sedge_image_release(&image);
    }
}

static void bad_images_are_refused_with_the_part_that_is_wrong(void **st)
{
    static const struct {
        const char *uri, *says;
    } rows[] = {
        {"docker:", "the image's name is not valid"},
        {"docker:Redis", "the image's name is not valid"},
        {"docker:a//b", "the image's name is not valid"},
        {"docker:a/", "the image's name is not valid"},
        {"docker:-a", "the image's name is not valid"},
        {"docker:--help", "the image's name is not valid"},
        {"docker:a b", "the image's name is not valid"},
        {"docker:a:", "the tag is not valid"},
        {"docker:a:b:c", "the tag is not valid"},
        {"docker:a:-b", "the tag is not valid"},
        {"docker:a@sha256:12", "the digest is not valid"},
        {"docker:a@md5:" HEX64, "the digest is not valid"},
        {"docker:a@sha256:" HEX64 "0", "the digest is not valid"},
        {"docker:host.x:port/a", "the registry's name is not valid"},
        {"docker:.x/a", "the registry's name is not valid"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_image image;
        struct sedge_err err = SEDGE_ERR_INIT;

        assert_int_equal(sedge_image_parse(rows[i].uri, &image, &err), -1);
        if (err.code != SEDGE_E_INVALID || !strstr(err.msg, rows[i].says)) fail_msg("%s: %s", rows[i].uri, err.msg);
        assert_null(image.reference);
    }
}

static void a_reference_has_a_longest_length(void **st)
{
    char uri[SEDGE_IMAGE_REFERENCE_MAX + 16] = "docker:";
    struct sedge_image image;
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)st;
    memset(uri + 7, 'a', SEDGE_IMAGE_REFERENCE_MAX);
    uri[7 + SEDGE_IMAGE_REFERENCE_MAX] = '\0';
    assert_int_equal(sedge_image_parse(uri, &image, &err), 0);
    sedge_image_release(&image);
    uri[7 + SEDGE_IMAGE_REFERENCE_MAX] = 'a';
    uri[8 + SEDGE_IMAGE_REFERENCE_MAX] = '\0';
    assert_int_equal(sedge_image_parse(uri, &image, &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_are_read_from_their_uri),
        cmocka_unit_test(bad_images_are_refused_with_the_part_that_is_wrong),
        cmocka_unit_test(a_reference_has_a_longest_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
