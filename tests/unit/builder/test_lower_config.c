/* SPDX-License-Identifier: Apache-2.0 */
/* What lowering says of images: configuration, environment, history. */
#include "tests/unit/builder/lowering.h"

#define PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"

static const struct row configs[] = {
    {"nothing", "FROM scratch\n", CONFIG, "linux/amd64\nworkdir: /\n"},
    {"inherited", "FROM app\n", CONFIG, "linux/amd64\nuser: app\nworkdir: /srv\nentrypoint: /app\ncmd: serve\n"},
    {"inherited by a stage", "FROM app AS a\nUSER root\nFROM a\n", CONFIG,
	"linux/amd64\nuser: root\nworkdir: /srv\nentrypoint: /app\ncmd: serve\n"},
    {"a new ENTRYPOINT drops the inherited CMD", "FROM app\nENTRYPOINT [\"/x\"]\n", CONFIG,
	"linux/amd64\nuser: app\nworkdir: /srv\nentrypoint: /x\n"},
    {"but not this stage's", "FROM app\nCMD [\"y\"]\nENTRYPOINT [\"/x\"]\n", CONFIG,
	"linux/amd64\nuser: app\nworkdir: /srv\nentrypoint: /x\ncmd: y\n"},
    {"shell form", "FROM scratch\nCMD run it\n", CONFIG, "linux/amd64\nworkdir: /\ncmd: /bin/sh -c run it\n"},
    {"shell form of another shell", "FROM bash\nCMD x\n", CONFIG, "linux/amd64\ncmd: /bin/bash -c x\nshell: /bin/bash -c\n"},
    {"CMD without anything", "FROM busybox\nCMD []\n", CONFIG, "linux/amd64\n"},
    {"ports", "FROM scratch\nEXPOSE 80 81-82/UDP 80\n", CONFIG, "linux/amd64\nworkdir: /\nports: 80/tcp 81/udp 82/udp\n"},
    {"ports in a variable", "FROM scratch\nENV P=\"80 443\"\nEXPOSE $P\n", CONFIG, "linux/amd64\nworkdir: /\nports: 443/tcp 80/tcp\n"},
    {"volumes once", "FROM scratch\nVOLUME /a /b\nVOLUME /a\n", CONFIG, "linux/amd64\nworkdir: /\nvolumes: /a /b\n"},
    {"labels, the last value", "FROM scratch\nLABEL a=1 b=2\nLABEL a=3\n", CONFIG, "linux/amd64\nworkdir: /\nlabel: a=3\nlabel: b=2\n"},
    {"triggers are kept as text", "FROM scratch\nONBUILD run  $x\n", CONFIG, "linux/amd64\nworkdir: /\nonbuild: run  $x\n"},
    {"triggers are used up", "FROM onbuild\n", CONFIG, "linux/amd64\n"},
    {"health", "FROM scratch\nHEALTHCHECK CMD curl x\n", CONFIG, "linux/amd64\nworkdir: /\nhealth: CMD-SHELL curl x\n"},
    {"no health", "FROM scratch\nHEALTHCHECK NONE\n", CONFIG, "linux/amd64\nworkdir: /\nhealth: NONE\n"},
    {"relative working directories", "FROM app\nWORKDIR a\nWORKDIR ../b\n", CONFIG,
	"linux/amd64\nuser: app\nworkdir: /srv/b\nentrypoint: /app\ncmd: serve\n"},
    {"absolute ones as written", "FROM scratch\nWORKDIR /c//d/.\n", CONFIG, "linux/amd64\nworkdir: /c//d/.\n"},
    {"a blank one changes nothing", "FROM app\nWORKDIR $nothing\n", CONFIG, "linux/amd64\nuser: app\nworkdir: /srv\nentrypoint: /app\ncmd: serve\n"},
    {"the author", "FROM scratch\nMAINTAINER me $x\n", CONFIG, "linux/amd64\nworkdir: /\nauthor: me $x\n"},
    {"the platform of the base", "FROM arm\n", CONFIG, "linux/arm/v7\n"},
    {"the platform that was asked for", "FROM busybox\n", CONFIG, "linux/arm64\ncmd: sh\n", .platform = "linux/arm64"},
    {"FROM --platform is not the image's", "FROM --platform=linux/arm64 busybox\n", CONFIG, "linux/amd64\ncmd: sh\n"},
    {"windows", "FROM nano\nCMD dir\n", CONFIG, "windows/amd64\ncmd: cmd /S /C dir\n"},
};

Test(lower, configurations)
{
	check_rows(configs, ARRAY_LEN(configs));
}

static const struct row environments[] = {
    {"a path when there is none", "FROM scratch\n", ENV, PATH},
    {"also in an image", "FROM app\n", ENV, "MODE=base\n" PATH},
    {"not on windows", "FROM nano\n", ENV, ""},
    {"replaced in its place", "FROM app\nENV A=1\nENV MODE=new\n", ENV, "MODE=new\n" PATH "A=1\n"},
    {"replaced in a later stage", "FROM app AS a\nENV A=1 B=2\nFROM a\nENV A=3\n", ENV, "MODE=base\n" PATH "A=3\nB=2\n"},
    {"pairs of one line do not see each other", "FROM nolayers\nENV A=2 B=$A\n", ENV, "A=2\n" PATH "B=1\n"},
    {"names are expanded", "FROM nolayers\nENV N=X\nENV $N=1\n", ENV, "A=1\n" PATH "N=X\nX=1\n"},
    {"ARG is not the image's", "FROM busybox\nARG a=1\n", ENV, "PATH=/bin\n"},
    {"ARG that became ENV", "FROM busybox\nARG a=1\nENV b=$a\n", ENV, "PATH=/bin\nb=1\n"},
    {"an unset one is empty", "FROM busybox\nENV b=x${a}y\n", ENV, "PATH=/bin\nb=xy\n"},
    {"a build argument", "FROM busybox\nARG a=1\nENV b=$a\n", ENV, "PATH=/bin\nb=2\n", .args = {PAIR("a", "2")}},
    {"the last of two", "FROM busybox\nARG a\nENV b=$a\n", ENV, "PATH=/bin\nb=2\n", .args = {PAIR("a", "1"), PAIR("a", "2")}},
    {"global ones need a bare ARG", "ARG g=1\nFROM busybox\nENV x=$g\nARG g\nENV y=$g\n", ENV, "PATH=/bin\nx=\ny=1\n"},
    {"a stage's default beats the global one", "ARG g=1\nFROM busybox\nARG g=2\nENV y=$g\n", ENV, "PATH=/bin\ny=2\n"},
    {"platform arguments", "FROM busybox\nARG TARGETPLATFORM\nARG BUILDARCH\nARG TARGETVARIANT\nENV p=$TARGETPLATFORM,$BUILDARCH,$TARGETVARIANT\n", ENV,
	"PATH=/bin\np=linux/arm/v7,amd64,v7\n", .platform = "linux/arm"},
    {"the target's name", "FROM busybox AS rel\nARG TARGETSTAGE\nENV t=$TARGETSTAGE\n", ENV, "PATH=/bin\nt=rel\n"},
};

Test(lower, environments)
{
	check_rows(environments, ARRAY_LEN(environments));
}

static const struct row run_environments[] = {
    {"ENV and ARG in order", "FROM busybox\nARG a=1\nENV b=2\nRUN x\n", RUN_ENV, "PATH=/bin\na=1\nb=2\n"},
    {"unset ones are not there", "FROM busybox\nARG a\nRUN x\n", RUN_ENV, "PATH=/bin\n"},
    {"empty ones are", "FROM busybox\nARG a=\nRUN x\n", RUN_ENV, "PATH=/bin\na=\n"},
    {"the last one wins", "FROM busybox\nENV v=env\nARG v=arg\nRUN x\n", RUN_ENV, "PATH=/bin\nv=arg\n"},
    {"a bare ARG changes nothing", "FROM busybox\nENV v=env\nARG v\nRUN x\n", RUN_ENV, "PATH=/bin\nv=env\n"},
    {"arguments of the stage below", "FROM busybox AS a\nARG v=1\nFROM a\nRUN x\n", RUN_ENV, "PATH=/bin\nv=1\n"},
    {"not those of others", "FROM busybox AS a\nARG v=1\nFROM busybox\nRUN x\n", RUN_ENV, "PATH=/bin\n"},
    {"not those that came later", "FROM busybox\nRUN x\nENV late=1\n", RUN_ENV, "PATH=/bin\n"},
    {"those that came between", "FROM busybox\nRUN x\nENV a=1\nRUN y\nENV late=1\n", RUN_ENV, "PATH=/bin\na=1\n"},
    {"a build argument of a hidden name", "FROM busybox\nARG BUILDKIT_SBOM_SCAN_STAGE=true\nRUN x\n", RUN_ENV, "PATH=/bin\n"},
};

Test(lower, environments_of_steps)
{
	check_rows(run_environments, ARRAY_LEN(run_environments));
}

static const struct row histories[] = {
    {"the base's is kept", "FROM app\nUSER x\n", HISTORY, "+ base\n+ base\n- USER x\n"},
    {"arguments of RUN", "FROM scratch\nARG a=1 b\nRUN x\n", HISTORY, "- ARG a=1 b\n+ RUN |2 a=1 b= /bin/sh -c x # buildkit\n"},
    {"distinct names", "FROM scratch\nARG a=1\nARG a=2\nRUN x\n", HISTORY, "- ARG a=1\n- ARG a=2\n+ RUN |1 a=2 /bin/sh -c x # buildkit\n"},
    {"the form without a shell", "FROM scratch\nRUN [\"a\", \"b c\"]\n", HISTORY, "+ RUN a b c # buildkit\n"},
    {"RUN alone", "FROM scratch\nRUN\n", HISTORY, "+ RUN /bin/sh -c  # buildkit\n"},
    {"copies are expanded", "FROM scratch\nENV d=/x\nCOPY --chown=1 --link a $d/\n", HISTORY, "- ENV d=/x\n+ COPY --chown=1 a /x/ # buildkit\n"},
    {"here-documents by name", "FROM scratch\nCOPY <<F /f\nx\nF\n", HISTORY, "+ COPY <<F /f # buildkit\n"},
    {"folders", "FROM scratch\nWORKDIR /a\nWORKDIR b\nWORKDIR /\n", HISTORY, "+ WORKDIR /a\n+ WORKDIR /a/b\n- WORKDIR /\n"},
    {"lists", "FROM scratch\nCMD [\"a\", \"b\\\"\"]\nENTRYPOINT []\nVOLUME /a /b\nSHELL [\"s\"]\n", HISTORY,
	"- CMD [\"a\" \"b\\\"\"]\n- ENTRYPOINT []\n- VOLUME [/a /b]\n- SHELL [s]\n"},
    {"health", "FROM scratch\nHEALTHCHECK --interval=3s CMD x\n", HISTORY,
	"- HEALTHCHECK {Test:[CMD-SHELL x] Interval:3s Timeout:0s StartPeriod:0s StartInterval:0s Retries:0}\n"},
    {"nothing for triggers", "FROM scratch\nONBUILD RUN x\n", HISTORY, ""},
    {"others", "FROM scratch\nEXPOSE 2 1\nLABEL a=\"b c\"\nSTOPSIGNAL TERM\nMAINTAINER me\n", HISTORY,
	"- EXPOSE [1/tcp 2/tcp]\n- LABEL a=b c\n- STOPSIGNAL TERM\n- MAINTAINER me\n"},
};

Test(lower, histories)
{
	check_rows(histories, ARRAY_LEN(histories));
}
