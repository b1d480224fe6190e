/* SPDX-License-Identifier: Apache-2.0 */
/* Plans and failures. Configurations are in test_lower_config.c. */
#include "tests/unit/builder/lowering.h"

#define BUSYBOX "0 image | FROM docker.io/library/busybox:latest\n"

static const struct row plans[] = {
    {"an image alone", "FROM busybox\n", PLAN, BUSYBOX},
    {"nothing at all", "FROM scratch\n", PLAN, "0 scratch | scratch\n"},
    {"metadata makes no step", "FROM busybox\nENV a=1\nLABEL l=1\nUSER u\nCMD x\nEXPOSE 1\nVOLUME /v\nSTOPSIGNAL TERM\n", PLAN, BUSYBOX},
    {"each step stands on the one before", "FROM busybox\nRUN a\nRUN b\n", PLAN, BUSYBOX "1 exec <0 | RUN a\n2 exec <1 | RUN b\n"},
    {"equal steps on different trees are different", "FROM busybox\nRUN a\nRUN a\n", PLAN, BUSYBOX "1 exec <0 | RUN a\n2 exec <1 | RUN a\n"},
    {"equal stages are one", "FROM busybox AS a\nRUN x\nFROM busybox AS b\nRUN x\nFROM b\nCOPY --from=a / /\n", PLAN,
	BUSYBOX "1 exec <0 | RUN x\n2 copy <1 <1 | COPY --from=a / /\n"},
    {"unused stages are not evaluated", "FROM nowhere AS a\nRUN x\nFROM busybox\n", PLAN, BUSYBOX},
    {"a target", "FROM busybox AS a\nRUN x\nFROM a AS b\nRUN y\n", PLAN, BUSYBOX "1 exec <0 | RUN x\n", .target = "A"},
    {"stages by number", "FROM busybox\nRUN x\nFROM scratch\nCOPY --from=0 /a /b\n", PLAN,
	"0 scratch | scratch\n1 image | FROM docker.io/library/busybox:latest\n2 exec <1 | RUN x\n3 copy <0 <2 | COPY --from=0 /a /b\n"},
    {"the nearest stage of a name for FROM", "FROM busybox AS a\nRUN 1\nFROM busybox AS a\nRUN 2\nFROM a\n", PLAN, BUSYBOX "1 exec <0 | RUN 2\n"},
    {"a base by argument", "ARG B=busybox\nFROM ${B}\n", PLAN, BUSYBOX},
    {"a base by build argument", "ARG B=nowhere\nFROM ${B}\n", PLAN, BUSYBOX, .args = {PAIR("B", "busybox")}},
    {"the working directory of the root makes no step", "FROM busybox\nWORKDIR /\n", PLAN, BUSYBOX},
    {"a working directory does", "FROM busybox\nWORKDIR /a\n", PLAN, BUSYBOX "1 copy <0 | WORKDIR /a\n"},
    {"a named image in the place of a base", "FROM app\n", PLAN, BUSYBOX, .named = {{.name = STR("app"), .is_image = true, .image = STR("busybox")}}},
    {"a named image by its full name", "FROM docker.io/library/app:latest\n", PLAN, BUSYBOX,
	.named = {{.name = STR("app"), .is_image = true, .image = STR("busybox")}}},
    {"a named image in the place of a stage", "FROM app AS x\nRUN never\nFROM x\n", PLAN, BUSYBOX,
	.named = {{.name = STR("x"), .is_image = true, .image = STR("busybox")}}},
    {"nothing in the place of a base", "FROM app\n", PLAN, "0 scratch | scratch\n",
	.named = {{.name = STR("app"), .is_image = true, .image = STR("scratch")}}},
    {"nothing as a source", "FROM busybox\nCOPY --from=x / /\n", PLAN, BUSYBOX "1 scratch | scratch\n2 copy <0 <1 | COPY --from=x / /\n",
	.named = {{.name = STR("x"), .is_image = true, .image = STR("scratch")}}},
    {"a folder in the place of a base", "FROM app\nRUN x\n", PLAN,
	"0 scratch | scratch\n1 copy <0 | load build context\n2 exec <1 | RUN x\n", .named = {{.name = STR("app"), .context = 1}}},
    {"a folder as a source", "FROM busybox\nCOPY --from=x a b\n", PLAN, BUSYBOX "1 copy <0 | COPY --from=x a b\n", .named = {{.name = STR("x"), .context = 1}}},
    {"scratch cannot be replaced", "FROM scratch\n", PLAN, "0 scratch | scratch\n",
	.named = {{.name = STR("scratch"), .is_image = true, .image = STR("busybox")}}},
    {"triggers first", "FROM onbuild\nRUN x\n", PLAN,
	"0 image | FROM docker.io/library/onbuild:latest\n1 copy <0 | COPY . /src\n2 exec <1 | RUN make\n3 exec <2 | RUN x\n"},
    {"triggers fire once", "FROM onbuild AS a\nFROM a\nRUN x\n", PLAN,
	"0 image | FROM docker.io/library/onbuild:latest\n1 copy <0 | COPY . /src\n2 exec <1 | RUN make\n3 exec <2 | RUN x\n"},
    {"triggers do not fire for a source", "FROM busybox\nCOPY --from=onbuild / /\n", PLAN,
	BUSYBOX "1 image | FROM onbuild\n2 copy <0 <1 | COPY --from=onbuild / /\n"},
    {"triggers name stages of the child", "FROM busybox AS tools\nFROM onbuild-from\n", PLAN,
	"0 image | FROM docker.io/library/onbuild-from:latest\n1 image | FROM docker.io/library/busybox:latest\n2 copy <0 <1 | COPY --from=tools /t /t\n"},
    {"a mount of the context", "FROM busybox\nRUN --mount=source=a,target=/a x\n", PLAN,
	BUSYBOX "1 scratch | scratch\n2 copy <1 | load build context a\n3 exec <0 <2 | RUN --mount=source=a,target=/a x\n"},
    {"mounts that need no tree", "FROM busybox\nRUN --mount=type=cache,target=/a --mount=type=tmpfs,target=/b --mount=type=secret,id=s x\n", PLAN,
	BUSYBOX "1 exec <0 | RUN --mount=type=cache,target=/a --mount=type=tmpfs,target=/b --mount=type=secret,id=s x\n"},
};

Test(lower, files_become_plans)
{
	check_rows(plans, ARRAY_LEN(plans));
}

static const struct row labels[] = {
    {"one stage has no name", "FROM busybox\nRUN a\nCOPY b c\n", LABELS,
	"1/3 FROM docker.io/library/busybox:latest\n2/3 RUN a\n3/3 COPY b c\n"},
    {"several have", "FROM busybox AS x\nRUN a\nFROM x\nRUN b\n", LABELS,
	"x 1/2 FROM docker.io/library/busybox:latest\nx 2/2 RUN a\nstage-1 1/1 RUN b\n"},
    {"no image, no step", "FROM scratch\nCOPY a b\nCOPY c d\n", LABELS, "1/2 COPY a b\n2/2 COPY c d\n"},
    {"triggers count", "FROM onbuild\nRUN x\n", LABELS,
	"1/4 FROM docker.io/library/onbuild:latest\n2/4 COPY . /src\n3/4 RUN make\n4/4 RUN x\n"},
};

Test(lower, steps_are_numbered_by_stage)
{
	check_rows(labels, ARRAY_LEN(labels));
}

static const struct row failures[] = {
    {"an unknown image", "FROM busybox AS b\nFROM nowhere\n", FAILS, "2:1 no image nowhere\n"},
    {"an image that is nearly a stage", "FROM busybox AS build\nFROM buidl\n", FAILS, "2:1 no image buidl (did you mean the stage build?)\n"},
    {"an unknown target", "FROM busybox AS build\n", FAILS, "0:0 target stage \"biuld\" could not be found (did you mean build?)\n", .target = "biuld"},
    {"a blank base", "ARG B\nFROM $B\n", FAILS, "2:1 base name ($B) should not be blank\n"},
    {"a blank platform", "ARG P\nFROM --platform=$P busybox\n", FAILS, "2:1 empty platform value from expression $P\n"},
    {"its own stage as a source", "FROM busybox AS a\nCOPY --from=a x y\n", FAILS, "2:6 circular dependency detected on stage: a\n"},
    {"a later stage as a source", "FROM busybox AS a\nCOPY --from=b x y\nFROM busybox AS b\nFROM a\n", FAILS,
	"2:6 cannot copy from stage \"b\", it needs to be defined before current stage \"a\"\n"},
    {"no such number", "FROM busybox\nCOPY --from=7 x y\n", FAILS, "2:6 invalid stage index 7: there are 1 stages, from 0\n"},
    {"a variable in --from", "ARG a=x\nFROM busybox\nARG a\nCOPY --from=$a x y\n", FAILS,
	"4:1 variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround\n"},
    {"a variable that has to be set", "FROM busybox\nUSER ${U:?who}\n", FAILS, "2:1 failed to process \"${U:?who}\": U: who\n"},
    {"a blank name", "FROM busybox\nENV $x=1\n", FAILS, "2:1 ENV names can not be blank\n"},
    {"a bad port", "FROM busybox\nEXPOSE 70000\n", FAILS, "2:1 invalid containerPort: 70000\n"},
    {"more ports than there are", "FROM busybox\nEXPOSE 0-65535/tcp 0-65535/udp 0-65535/sctp 0-65535/tcp 1/tcp\n", FAILS,
	"2:1 more than 262144 exposed ports in one file\n"},
    {"a blank volume", "FROM busybox\nVOLUME \"$x\"\n", FAILS, "2:1 VOLUME specified can not be an empty string\n"},
    {"a bad signal", "FROM busybox\nSTOPSIGNAL 0\n", FAILS, "2:1 invalid signal: 0\n"},
    {"network modes", "FROM busybox\nRUN --network=lan x\n", FAILS, "2:5 invalid network mode \"lan\"\n"},
    {"the host's network", "FROM busybox\nRUN --network=host x\n", FAILS,
	"2:1 network.host is not allowed: the host's network in a RUN needs --allow network.host\n"},
    {"insecure steps", "FROM busybox\nRUN --security=insecure x\n", FAILS,
	"2:1 security.insecure is not allowed: this RUN needs --allow security.insecure\n"},
    {"mounts over the root", "FROM busybox\nRUN --mount=type=tmpfs,target=/ x\n", FAILS, "2:5 invalid mount target \"/\"\n"},
    {"mounts that have no target", "FROM busybox\nRUN --mount=type=cache x\n", FAILS,
	"2:5 invalid mount target \"\": target= is missing, and there is no WORKDIR to mount on\n"},
    {"a base whose tag is empty", "FROM busybox:$tag\n", FAILS,
	"1:1 failed to parse stage name \"busybox:\": no image busybox:\n"},
    {"checksums of local files", "FROM busybox\nADD --checksum=sha256:00 a b\n", FAILS, "2:26 checksum requires HTTP(S) or Git sources: \"a\" is local\n"},
    {"checksums of a kind", "FROM busybox\nADD --checksum=md5:00 http://x/a b\n", FAILS, "2:23 unsupported digest algorithm \"md5\" for --checksum\n"},
    {"a trigger that is no instruction", "FROM onbuild-bad\n", FAILS,
	"1:1 ONBUILD trigger \"COPYY . /src\": unknown instruction: COPYY (did you mean COPY?)\n"},
    {"a trigger that needs a stage", "FROM onbuild-from\n", FAILS, "1:1 ONBUILD COPY --from=tools /t /t: no image tools\n"},
    {"names in stages that are not used", "FROM busybox AS a\nCOPY --from=Bad/Ref x y\nFROM busybox\n", FAILS,
	"2:1 invalid reference format: repository name (Ref) must be lowercase\n"},
};

Test(lower, failures_name_their_place)
{
	check_rows(failures, ARRAY_LEN(failures));
}

Test(lower, stages_are_not_nested_without_end)
{
	cleanup_buf struct buf text = {0}, got = {0};
	buf_puts(&text, "FROM scratch AS s0\n");
	for (int i = 0; i < 20000; i++)
		buf_printf(&text, "FROM s%d AS s%d\n", i, i + 1);
	lower_row(&(struct row){.name = "deep", .text = text.p, .aspect = PLAN}, &got);
	cr_expect_str_eq(got.p, "19002:1 more than 1000 stages that are built one upon the other\n");
}
