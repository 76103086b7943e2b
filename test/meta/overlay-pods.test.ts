/** Every Pod that base and the overlays make, as kustomize renders them. What the API server says to them is in test/cluster. */
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  containersOf,
  describeKustomize,
  MANIFESTS,
  nameOf,
  OVERLAYS,
  type Rendered,
  templateOf,
} from "../support/kustomize.ts";

describeKustomize("of all kustomizations,", (render) => {
  describe.each(["base", ...OVERLAYS])("the Pods of %s", (name) => {
    const templates = () =>
      render(join(MANIFESTS, name === "base" ? name : `overlays/${name}`)).flatMap((object) => {
        const template = templateOf(object);
        return template === undefined ? [] : [{ of: nameOf(object), template }];
      });

    it("are all there", () => {
      const rotate = name === "keeper" ? [] : ["CronJob portcullis-rotate"];
      const makers = ["CronJob portcullis-cleanup", ...rotate, "Deployment portcullis", "Job portcullis-policies-HASH"];
      expect(
        templates()
          .map(({ of }) => of)
          .toSorted(),
      ).toEqual(makers.toSorted());
    });

    it("have what Pod Security restricted demands", () => {
      for (const { of, template } of templates()) {
        const { securityContext, volumes, hostNetwork, hostPID, hostIPC } = template.spec;
        expect(securityContext, of).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
        expect(securityContext.runAsUser, of).toBeGreaterThan(0);
        expect([hostNetwork, hostPID, hostIPC], of).toEqual([undefined, undefined, undefined]);
        for (const { name: volume, ...source } of volumes) {
          expect(["configMap", "emptyDir", "projected"], `${of}: ${volume}`).toEqual(
            expect.arrayContaining(Object.keys(source)),
          );
        }
        for (const container of containersOf(template)) {
          expect(container.securityContext, `${of}: ${container.name}`).toEqual({
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ["ALL"] },
          });
        }
      }
    });

    it("say what they need of CPU and memory, and how much memory they may take", () => {
      for (const { of, template } of templates()) {
        for (const { name: container, resources } of containersOf(template)) {
          expect(resources, `${of}: ${container}`).toEqual({
            requests: { cpu: expect.stringMatching(/^\d+m$/), memory: expect.stringMatching(/^\d+Mi$/) },
            limits: { memory: expect.stringMatching(/^\d+Mi$/) },
          });
          const { requests, limits } = resources;
          expect(Number.parseInt(limits.memory, 10)).toBeGreaterThanOrEqual(Number.parseInt(requests.memory, 10));
        }
      }
    });

    it("give the token to init alone where there is more than one container", () => {
      for (const { of, template } of templates()) {
        const holders = containersOf(template).filter(({ volumeMounts }) =>
          volumeMounts.some((mount: Rendered) => mount.name === "token"),
        );
        expect(
          holders.map((container) => container.name),
          of,
        ).toEqual([of.startsWith("Deployment") ? "init" : containersOf(template)[0].name]);
      }
    });
  });
});
